package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestConfigSchema(t *testing.T) {
	out, errs, code := command(t, "", "config", "schema")
	var schema struct {
		Schema     string                     `json:"$schema"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal([]byte(out), &schema); err != nil || code != 0 || errs != "" {
		t.Fatalf("exit %d, %s, %v", code, errs, err)
	}
	if !strings.Contains(schema.Schema, "2020-12") || schema.Properties["redis"] == nil || schema.Properties["redis.tls.ca"] == nil {
		t.Errorf("$schema %s, %d properties", schema.Schema, len(schema.Properties))
	}
}
