// Package telemetry lets an operator see the worker: its log, its meters, and the HTTP endpoints /healthz, /readyz and /metrics.
//
// In come the parts' records, measurements and checks; out go log lines and HTTP replies. It promises to hold no global
// state, so that two workers can live in one process, and that a check that hangs delays nobody beyond its time limit.
package telemetry
