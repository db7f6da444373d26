// Package consume takes returns off the stream, hands them in batches to a Sink, and settles each one by what the Sink
// said of it.
//
//	pull requests ──▶ lanes ──▶ decode ──▶ queue ──▶ batch ──▶ Sink.Write
//	     ▲ credit                  │                              │ an answer each
//	     └────── settled ◀─────────┼──────────────────────────────┤
//	                               ▼                              ▼
//	                        dead letter, then term     ack · hold and retry · nak
//
// Promised:
//
//   - A delivery is acknowledged only after the Sink has confirmed its entry, and terminated only after the stream of
//     dead letters has acknowledged the letter. Until then it is held, and the server is told so before its ack wait ends.
//   - Pull requests are made against credit: what is asked for, waiting and being written never exceeds a fixed number
//     of messages and bytes. While the Sink is away the credit runs out, and nothing more is asked for.
//   - What a delivery is, is told by where it was sent, never by its headers: a publisher cannot imitate the server.
//   - A return that is not fit to be stored delays no other.
package consume
