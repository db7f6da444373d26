package servers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// clusterNode is a line of CLUSTER NODES: what one node thinks of another.
type clusterNode struct {
	id, addr, primary string // primary: the id of the one it replicates, or "-"
	flags             []string
	linked            bool     // the one who answers has a connection to it
	slots             [][2]int // first and last of each range
}

// clusterView asks a node how it sees the cluster.
func clusterView(p *Process) ([]clusterNode, error) {
	text, err := p.Do("CLUSTER", "NODES").Text()
	if err != nil {
		return nil, err
	}
	var view []clusterNode
	for line := range strings.Lines(text) {
		n, err := parseNode(line)
		if err != nil {
			return nil, err
		}
		view = append(view, n)
	}
	return view, nil
}

// parseNode reads `<id> <ip>:<port>@<bus>[,<name>] <flags> <primary> <ping>
// <pong> <epoch> <link> <slots>…`.
func parseNode(line string) (clusterNode, error) {
	words := strings.Fields(line)
	if len(words) < 8 {
		return clusterNode{}, fmt.Errorf("%d words in a line of CLUSTER NODES", len(words))
	}
	addr, _, _ := strings.Cut(words[1], "@")
	n := clusterNode{
		id: words[0], addr: addr, primary: words[3],
		flags: strings.Split(words[2], ","), linked: words[7] == "connected",
	}
	for _, word := range words[8:] {
		if strings.HasPrefix(word, "[") {
			continue // a slot on its way: [slot->-id] or [slot-<-id]
		}
		slots, err := parseSlots(word)
		if err != nil {
			return clusterNode{}, err
		}
		n.slots = append(n.slots, slots)
	}
	return n, nil
}

// parseSlots reads "7" or "0-5460".
func parseSlots(word string) (slots [2]int, err error) {
	first, last, ranged := strings.Cut(word, "-")
	if !ranged {
		last = first
	}
	for i, s := range []string{first, last} {
		if slots[i], err = strconv.Atoi(s); err != nil {
			return slots, fmt.Errorf("slots in CLUSTER NODES: %w", err)
		}
	}
	return slots, nil
}

func (n clusterNode) has(flag string) bool { return slices.Contains(n.flags, flag) }

// failed leaves out "fail?", one node's suspicion.
func (n clusterNode) failed() bool { return n.has("fail") }

// serves tells whether it is a primary that answers for slots.
func (n clusterNode) serves() bool {
	return n.has("master") && !n.failed() && len(n.slots) > 0
}

func (n clusterNode) owns(slot int) bool {
	return n.serves() && slices.ContainsFunc(n.slots, func(r [2]int) bool { return r[0] <= slot && slot <= r[1] })
}
