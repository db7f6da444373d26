// Package persist keeps returns and loads in Redis, in the layout of Salt's own redis returner, and reads them back.
//
// What enters are batches of job.Entry from the stream, and single ones from the query service. A batch is collapsed
// (one HSET and one expiry a job, one SADD, the greatest pointer of each minion and function), sent as one pipeline,
// and answered entry by entry, so that one bad return never fails its neighbours.
//
//	entries ──▶ plan (collapse) ──▶ pipeline ──▶ Redis ──▶ one error an entry
//	                                   loads ──▶ compare-and-set, checked again
//
// Promised: the keys are right after any subset of a batch's commands, and writing an entry again completes or repeats
// it without harm, in any order and from any number of workers. Every command touches one key, or keys of one slot
// where the server is a cluster. Nothing is read or deleted in unbounded steps.
package persist
