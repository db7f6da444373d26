// Package client asks the workers of returnd, and publishes returns and loads to them, from any Go program.
//
// What enters is a connection to NATS, which stays the caller's own, and typed arguments. What leaves is what the worker stored, byte
// for byte ([json.RawMessage]), an [*Error] with the worker's code and sentence, or one of the errors below.
//
//	c := client.New(nc)
//	for ret, err := range c.Returns(ctx, jid) { ... }   // a part of the job at a time in memory, whatever its size
//	returns, err := c.GetJID(ctx, jid)                  // the same, all at once
//	_, err = c.PublishReturn(ctx, body)                 // nil only once the stream has it
//
// # Asking
//
// Every endpoint has a call named after it. Those that list something have three forms: whole (GetJID), entry by entry (Returns) and by
// pages (ReturnsPage). What Salt's functions give for something missing is an empty answer, not an error.
//
// A reply that does not fit one message of the NATS server comes in parts. The promise: a part is never taken for the whole. A part that
// is lost, doubled or out of order, a second reply beside the first, and an end that does not come within [Timeout] are errors
// ([ErrIncomplete]); so whatever an iterator has yielded counts only once the loop has ended without one. At most [Window] parts are on
// their way to a reader that has not finished with the ones before, and a loop that is left ends the work of the worker too.
//
// # Publishing
//
// The subject is made of the body's own identity, so it is always the canonical one that workers accept. Every document carries a
// Nats-Msg-Id that nobody can guess and that it keeps over its retries, and counts as published once the stream says so.
//
// # Following
//
// With [Tracing] every document and request has a span, whose context goes along in its headers: returnd/client/oteltrace does it by
// OpenTelemetry. Without, no header is added.
//
// # Waiting
//
// Each call ends with its context. Beside it, [Timeout] bounds the silence: how long the first message, and each further part, may take.
package client
