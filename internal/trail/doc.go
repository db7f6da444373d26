// Package trail carries trace contexts in the headers of NATS messages.
//
// In come headers, as strangers may have written them; out goes a span's context, or none. It promises to cost next to
// nothing for a message whose publisher does not sample it: that is most of them, wherever traces are sampled at all.
package trail
