package job

// Completion tells that every minion has returned that a job is known to be meant for.
type Completion struct {
	JID string `json:"jid"`
	// Expected is the number of minions that the job was known to be meant for.
	Expected int `json:"expected"`
	// Returned counts the minions that had returned, expected or not.
	Returned int `json:"returned"`
}
