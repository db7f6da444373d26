// Package query answers questions about jobs over NATS request/reply, in the shapes that the functions of Salt's
// redis returner give, and takes the few writes that Salt's job cache interface has.
//
// What enters: a JSON object on <prefix>.returner.<endpoint>. What leaves: JSON in one message, or in several for a caller
// that reads parts; or the micro error headers (a code and a sentence that names the remedy), as the last message.
//
// Promised:
//   - Every request is answered, whatever happens: by data, or by an error at the deadline at the latest. A reply
//     that does not fit one message is an error the caller gets, never a message the server drops. A reply in parts has one
//     last message, which says whether it is whole; nothing follows it.
//   - A request is answered, and has an effect, only if its reply subject lies under reply_prefixes. Without that
//     rule a caller names a minion's return subject as its reply subject, and the service forges the return.
//   - Values are the stored bytes; only NaN and Infinity, which strict readers refuse, are shown as null. One bad
//     value is left out and counted in a header; it never breaks its neighbours.
//   - Memory is bounded by the requests in flight times the size of a message, not by the size of a job. A slow reader
//     slows the reading from the store, and one that is gone ends it.
//   - Requests that read much are few at once and paced, so that they leave the machine to ingest and to small ones.
//
// The store behind it is any Store; this package knows no Redis.
package query
