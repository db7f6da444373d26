//go:build !linux

package servers

// frozen cannot tell here: the signal is on its way.
func frozen(int) bool { return true }
