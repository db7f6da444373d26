package consume

import "sync"

// credit bounds what is asked for, waiting and being written, in messages and bytes.
type credit struct {
	freed func() // told when something was given back

	mu              sync.Mutex
	covered         sync.Cond // bytes are no longer overdrawn
	messages, bytes int
	closed          bool
}

func newCredit(messages, bytes int, freed func()) *credit {
	c := &credit{messages: messages, bytes: bytes, freed: freed}
	c.covered.L = &c.mu
	return c
}

// reserve takes for a pull request, or takes nothing.
func (c *credit) reserve(messages, bytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.messages < messages || c.bytes < bytes {
		return false
	}
	c.messages -= messages
	c.bytes -= bytes
	return true
}

// overdraw takes what a message has grown by, unpacked. While others have overdrawn already it waits: packed messages
// cannot fill the memory. What they wait for is being written, so it ends.
func (c *credit) overdraw(bytes int) {
	if bytes <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.bytes < 0 && !c.closed {
		c.covered.Wait()
	}
	c.bytes -= bytes
}

// release gives back what was settled, or asked for and not delivered.
func (c *credit) release(messages, bytes int) {
	if messages == 0 && bytes == 0 {
		return
	}
	c.mu.Lock()
	c.messages += messages
	c.bytes += bytes
	if c.bytes >= 0 {
		c.covered.Broadcast()
	}
	c.mu.Unlock()
	c.freed()
}

// close lets nobody wait any more: the worker stops.
func (c *credit) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.covered.Broadcast()
}
