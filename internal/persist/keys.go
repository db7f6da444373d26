package persist

import "strings"

// The keyspace. Salt's own four come first; ours begin with "returnd/", which no minion id can reach: an id holds no slash.
const (
	keyMinions  = "minions"
	keyJobs     = "returnd/jobs"
	keySeen     = "returnd/seen"
	retPrefix   = "ret:"
	loadPrefix  = "load:"
	ownPrefix   = "returnd/"
	jobPrefix   = "returnd/job:"
	histPrefix  = "returnd/history:"
	fieldMinion = "minion:"  // field of returnd/job:<jid>: one expected minion
	fieldTaken  = "reserved" // field of returnd/job:<jid>: prep_jid gave it out
	fieldEnd    = "endtime"  // field of returnd/job:<jid>: what update_endtime was told
	keyIndexed  = "returnd/indexed"
)

func retKey(jid string) string  { return retPrefix + jid }
func loadKey(jid string) string { return loadPrefix + jid }
func jobKey(jid string) string  { return jobPrefix + jid }

func historyKey(minion string) string { return histPrefix + minion }

func pointerKey(minion, fun string) string { return minion + ":" + fun }

// jidOfLoad is the inverse of loadKey, jidOfReturns that of retKey.
func jidOfLoad(key string) string { return strings.TrimPrefix(key, loadPrefix) }

func jidOfReturns(key string) string { return strings.TrimPrefix(key, retPrefix) }
