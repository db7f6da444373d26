package consume

import "sync"

// credit bounds what is asked for, waiting and being written, in messages and bytes.
type credit struct {
	mu              sync.Mutex
	messages, bytes int
	freed           func() // told when something was given back
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

// release gives back what was settled, or asked for and not delivered.
func (c *credit) release(messages, bytes int) {
	if messages == 0 && bytes == 0 {
		return
	}
	c.mu.Lock()
	c.messages += messages
	c.bytes += bytes
	c.mu.Unlock()
	c.freed()
}
