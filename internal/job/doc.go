// Package job holds the nouns that the other packages share: jids and their order, returns, loads, subjects, reasons of dead letters.
//
// What enters is bytes: the payload and the subject of a published message. What leaves is a [Return] or a [Load] whose identity has been
// checked, or a [*Rejection] that says which rule the message broke.
//
// Promises:
//   - A payload is never re-encoded. A return's Body is the published bytes; a load's Body lacks the secrets and is the published bytes
//     otherwise. Number literals, escapes, order and white space survive.
//   - What is accepted can be read back by Salt: valid UTF-8, no lone surrogates, nesting of at most [MaxDepth].
//   - A rejection names offsets, lengths and fields, never text of the payload, so it may go into logs and headers.
//   - Nothing here does I/O, keeps state (but for [Generator]) or panics on any input.
//
// One pass over the payload finds the identity and proves it well-formed; see scan.go. The usual return costs no allocation: its strings
// are windows into Body.
package job
