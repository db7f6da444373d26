package telemetry

import (
	"fmt"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newSampler reads OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG. The SDK reads them too, but hands out no sampler that
// could be asked before ours.
func newSampler(name, arg string) (sdktrace.Sampler, error) {
	root, parentBased := strings.CutPrefix(name, "parentbased_")
	if name == "" {
		root, parentBased = "always_on", true
	}
	var sampler sdktrace.Sampler
	switch root {
	case "always_on":
		sampler = sdktrace.AlwaysSample()
	case "always_off":
		sampler = sdktrace.NeverSample()
	case "traceidratio":
		ratio, err := parseRatio(arg)
		if err != nil {
			return nil, err
		}
		sampler = sdktrace.TraceIDRatioBased(ratio)
	default:
		return nil, fmt.Errorf("OTEL_TRACES_SAMPLER is %q: use always_on, always_off or traceidratio, or one of them behind parentbased_", name)
	}
	if parentBased {
		return byLinks{sdktrace.ParentBased(sampler)}, nil
	}
	return sampler, nil
}

// parseRatio: none given is all, as the SDK has it.
func parseRatio(text string) (float64, error) {
	if text == "" {
		return 1, nil
	}
	ratio, err := strconv.ParseFloat(text, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG is %q: use a ratio from 0 to 1, such as 0.01", text)
	}
	return ratio, nil
}

// byLinks is a sampler by the parent that takes links for parents where there is none: a batch has as many as it has
// messages. It is sampled if one of them is.
type byLinks struct{ sdktrace.Sampler }

// ShouldSample asks the sampler itself for whatever has a parent, or no links.
func (s byLinks) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if len(p.Links) == 0 || trace.SpanContextFromContext(p.ParentContext).IsValid() {
		return s.Sampler.ShouldSample(p)
	}
	for _, link := range p.Links {
		if link.SpanContext.IsSampled() {
			return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
		}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop}
}

// Description names the sampler.
func (s byLinks) Description() string { return "ByLinks{" + s.Sampler.Description() + "}" }
