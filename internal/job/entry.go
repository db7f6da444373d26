package job

import "time"

// Entry is one message on its way to the store: a return or a load.
type Entry struct {
	Return Return
	// Load is not nil where the entry is a load; Return is unused then.
	Load *Load
	// Published is the stream's timestamp of the message.
	Published time.Time
}

// JID is the job that the entry belongs to.
func (e *Entry) JID() string {
	if e.Load != nil {
		return e.Load.JID
	}
	return e.Return.JID
}

// Start is the instant at which the entry's job counts as started; its keep runs from there.
func (e *Entry) Start() time.Time { return Start(e.JID(), e.Published) }

// Size is the length of the entry's body in bytes.
func (e *Entry) Size() int {
	if e.Load != nil {
		return len(e.Load.Body)
	}
	return len(e.Return.Body)
}
