package job

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type sampleReturn struct {
	name, id, jid, fun, profile string
	db                          int
	failed                      bool
}

func sampleReturns() []sampleReturn {
	return []sampleReturn{
		{"01_test_ping_true", "web1.dc1.example.com", "20261120080000007919", "test.ping", "", NoDB, false},
		{"02_test_ping_master_load", "web1.dc1.example.com", "20261120080000015838", "test.ping", "", NoDB, false},
		{"04_grains_items", "web1.dc1.example.com", "20261120080000031676", "grains.items", "", NoDB, false},
		{"05_state_apply_failure", "web1.dc1.example.com", "20261120080000039595", "state.apply", "", NoDB, true},
		{"06_highstate_ok_master_load", "db-2", "20261120080000047514", "state.highstate", "", NoDB, false},
		{"07_highstate_render_error", "web2", "20261120080000055433", "state.highstate", "", NoDB, true},
		{"08_state_running_conflict", "web2", "20261120080000063352", "state.apply", "", NoDB, true},
		{"09_cmd_run_multiline_unicode", "web1.dc1.example.com", "20261120080000071271", "cmd.run", "", NoDB, false},
		{"10_cmd_run_all", "web1.dc1.example.com", "20261120080000079190", "cmd.run_all", "", NoDB, false},
		{"11_cmd_run_all_fail", "db-2", "20261120080000087109", "cmd.run_all", "", NoDB, true},
		{"12_pkg_list_pkgs", "web1.dc1.example.com", "20261120080000095028", "pkg.list_pkgs", "", NoDB, false},
		{"14_error_string", "web2", "20261120080000110866", "service.restart", "", NoDB, true},
		{"15_exception_traceback", "web2", "20261120080000118785", "mymod.boom", "", NoDB, true},
		{"16_function_missing", "web1.dc1.example.com", "20261120080000126704", "foo.bar", "", NoDB, true},
		{"17_module_missing_reasons", "web1.dc1.example.com", "20261120080000134623", "docker.ps", "", NoDB, true},
		{"18_invalid_args", "web1.dc1.example.com", "20261120080000142542", "test.arg_repr", "", NoDB, true},
		{"19_escapes", "web1.dc1.example.com", "20261120080000150461", "cmd.run", "", NoDB, false},
		{"20_binaryish_base64", "web1.dc1.example.com", "20261120080000158380", "hashutil.base64_encodefile", "", NoDB, false},
		{"22_none_return", "web2", "20261120080000174218", "mymod.nothing", "", NoDB, false},
		{"23_list_return", "web2", "20261120080000182137", "saltutil.running", "", NoDB, false},
		{"24_empty_list", "web2", "20261120080000190056", "saltutil.find_job", "", NoDB, false},
		{"25_empty_dict_find_job", "web2", "20261120080000197975", "saltutil.find_job", "", NoDB, false},
		{"26_empty_string", "web2", "20261120080000205894", "cmd.run", "", NoDB, false},
		{"27_false_return", "web2", "20261120080000213813", "service.status", "", NoDB, true},
		{"28_floats_ints", "db-2", "20261120080000221732", "mymod.numbers", "", NoDB, false},
		{"29_nested_20_deep", "db-2", "20261120080000229651", "pillar.items", "", NoDB, false},
		{"30_id_fqdn_dots", "very-long-name.rack-17.row_b.dc2.eu-central-1.compute.internal.example.com", "20261120080000237570", "test.ping", "", NoDB, false},
		{"31_id_colon", "rack:17:web", "20261120080000245489", "test.ping", "", NoDB, false},
		{"32_id_at_underscore", "app_1@host-2", "20261120080000253408", "test.ping", "", NoDB, false},
		{"34_id_hash_tag", "{rack1}web*[7]?", "20261120080000269246", "test.ping", "", NoDB, false},
		{"35_id_space_quote", `sp ace 'q' "d"`, "20261120080000277165", "test.ping", "", NoDB, false},
		{"36_large_300k", "db-2", "20261120080000285084", "mymod.inventory", "", NoDB, false},
		{"38_retcode_none", "web2", "20261120080000300922", "test.ping", "", NoDB, false},
		{"39_retcode_dict_multifunc", "web2", "20261120080000308841", "['test.ping', 'cmd.run', 'grains.get']", "", NoDB, false},
		{"41_retcode_string", "web2", "20261120080000324679", "mymod.odd", "", NoDB, false},
		{"42_kwargs_in_fun_args", "web1.dc1.example.com", "20261120080000332598", "state.sls", "", NoDB, false},
		{"45_schedule_real_jid_metadata", "web2", "20261120080000356355", "test.ping", "alternative", 1, false},
		{"46_schedule_nocache", "web2", "nocache", "test.ping", "", NoDB, false},
		{"47_syndic", "leaf7.site-b.example.com", "20261120080000372193", "state.apply", "", NoDB, false},
		{"49_runner_return", "salt1.example.com_master", "20261120080000388031", "runner.jobs.list_jobs", "", NoDB, false},
		{"51_unique_jid", "web2", "20261120080000403869_20871", "test.ping", "", NoDB, false},
		{"52_custom_jid", "web2", "deploy-2026-11-20:web {x}", "test.ping", "", NoDB, false},
	}
}

func refusedReturns() map[string]Reason {
	return map[string]Reason{
		"44_schedule_req":      ReasonJIDReq,
		"48_ret_config_kwargs": ReasonRetKwargs,
	}
}

func TestSampleReturns(t *testing.T) {
	var tested []string
	for _, want := range sampleReturns() {
		tested = append(tested, "returns/"+want.name)
		t.Run(want.name, func(t *testing.T) {
			body := sample(t, "returns/"+want.name)
			got, err := ParseReturn(body)
			checkReason(t, err, "")
			parsed := sampleReturn{want.name, got.Minion, got.JID, got.Fun, got.Profile, got.DB, got.Failed}
			if diff := cmp.Diff(want, parsed, cmp.AllowUnexported(sampleReturn{})); diff != "" {
				t.Error(diff)
			}
			if !bytes.Equal(got.Body, sample(t, "returns/"+want.name)) {
				t.Error("the body is not the published bytes")
			}
		})
	}
	for name, want := range refusedReturns() {
		tested = append(tested, "returns/"+name)
		t.Run(name, func(t *testing.T) {
			_, err := ParseReturn(sample(t, "returns/"+name))
			checkReason(t, err, want)
		})
	}
	slices.Sort(tested)
	if diff := cmp.Diff(sampleNames(t, "returns"), tested); diff != "" {
		t.Errorf("samples without a case: %s", diff)
	}
}

// TestSampleOdd says of every odd document what becomes of it: "" is accepted.
func TestSampleOdd(t *testing.T) {
	want := map[string]Reason{
		"odd/01_missing_fun":        ReasonMalformed,
		"odd/02_missing_jid":        ReasonMalformed,
		"odd/03_missing_id":         ReasonMalformed,
		"odd/04_id_null":            ReasonIdentity,
		"odd/05_jid_int":            "",
		"odd/06_fun_null":           ReasonIdentity,
		"odd/07_id_named_load":      "",
		"odd/08_id_named_ret":       "",
		"odd/09_id_path":            ReasonIdentity,
		"odd/10_id_empty":           ReasonIdentity,
		"odd/11_not_an_object":      ReasonMalformed,
		"odd/13_nan_infinity":       "",
		"odd/14_lone_surrogate":     ReasonMalformed,
		"odd/16_invalid_utf8":       ReasonMalformed,
		"odd/17_deep_2000":          ReasonMalformed,
		"odd/18_load_bad_month_jid": ReasonMalformed, // as a return it lacks the id
		"odd/19_load_no_jid":        ReasonMalformed,
	}
	for _, name := range sampleNames(t, "odd") {
		t.Run(name, func(t *testing.T) {
			reason, ok := want[name]
			if !ok {
				t.Fatal("no expectation for this document")
			}
			_, err := ParseReturn(sample(t, name))
			checkReason(t, err, reason)
		})
	}
}

func TestSampleOddDetails(t *testing.T) {
	t.Run("an int jid is its text", func(t *testing.T) {
		got, err := ParseReturn(sample(t, "odd/05_jid_int"))
		checkReason(t, err, "")
		if want := "20261120080000000063"; got.JID != want {
			t.Errorf("got jid %q, want %q", got.JID, want)
		}
	})
	for _, name := range []string{"odd/07_id_named_load", "odd/08_id_named_ret"} {
		t.Run("no pointer for "+name, func(t *testing.T) {
			got, err := ParseReturn(sample(t, name))
			checkReason(t, err, "")
			if got.HasPointer() {
				t.Error("got a pointer on a job's key")
			}
		})
	}
	t.Run("a load with month 13 has a custom jid", func(t *testing.T) {
		jid := "20261320080000000010"
		got, err := ParseLoad(jid, sample(t, "odd/18_load_bad_month_jid"))
		checkReason(t, err, "")
		if _, timed := JIDTime(got.JID); timed || got.JID != jid || !got.Real {
			t.Errorf("got %+v, want a real load with the custom jid %s", got, jid)
		}
	})
	t.Run("a load without a jid takes the subject's", func(t *testing.T) {
		got, err := ParseLoad("20261120080000000099", sample(t, "odd/19_load_no_jid"))
		checkReason(t, err, "")
		if want := "20261120080000000099"; got.JID != want {
			t.Errorf("got jid %q, want %q", got.JID, want)
		}
	})
}

type sampleLoad struct {
	name, jid string
	real      bool
	secret    string // the member that goes
	minions   []string
}

func TestSampleLoads(t *testing.T) {
	tests := []sampleLoad{
		{"01_publish_glob", "20261120080000007919", true, "key", nil},
		{"02_publish_list", "20261120080000047514", true, "key", nil},
		{"03_publish_compound_kwargs", "20261120080000039595", true, "key", nil},
		{"04_publish_metadata_kwargs", "20261120080000340517", true, "key", nil},
		{"06_with_minions", "20261120080000071271", true, "key", []string{"db-2", "web1.dc1.example.com", "web2"}},
		{"07_multifunc", "20261120080000308841", true, "key", nil},
		{"08_external_auth", "20261120080000079190", true, "key", nil},
		{"09_nodegroup_batch", "20261120080000095028", true, "key", nil},
		{"10_ipcidr_int_tgt", "20261120080000102947", true, "key", nil},
		{"11_ssh_job", "20261120080000110866", true, "", nil},
		{"12_from_store_job_req", "20261120080000356355", false, "", nil},
		{"13_overwritten_by_return", "20261120080000047514", false, "", nil},
		{"14_syndic_load", "20261120080000372193", true, "", []string{"leaf7.site-b.example.com"}},
		{"15_runner", "20261120080000388031", false, "", nil},
		{"17_arg_not_list", "20261120080000134623", true, "key", nil},
		{"18_jid_mismatch", "20261120080000150461", true, "key", nil},
		{"19_unicode", "20261120080000158380", true, "key", nil},
	}
	var tested []string
	for _, test := range tests {
		tested = append(tested, "loads/"+test.name)
		t.Run(test.name, func(t *testing.T) {
			body := sample(t, "loads/"+test.name)
			got, err := ParseLoad(test.jid, body)
			checkReason(t, err, "")
			want := Load{JID: test.jid, Body: withoutSecrets(t, body), Minions: test.minions, Real: test.real}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			_, err = ParseLoad("20261120080000999999", body)
			checkReason(t, err, ReasonSubject)
		})
	}
	if diff := cmp.Diff(sampleNames(t, "loads"), tested); diff != "" {
		t.Errorf("samples without a case: %s", diff)
	}
}

// withoutSecrets drops the lines of key and token, which is how the pretty-printed samples lay them out.
func withoutSecrets(t *testing.T, body []byte) []byte {
	t.Helper()
	var kept [][]byte
	for line := range bytes.Lines(body) {
		if !bytes.HasPrefix(line, []byte(` "key": `)) && !bytes.HasPrefix(line, []byte(` "token": `)) {
			kept = append(kept, line)
		}
	}
	text := bytes.Join(kept, nil)
	// where the last member went, so does the comma before it
	return bytes.ReplaceAll(text, []byte(",\n}"), []byte("\n}"))
}

// TestGoldenKeys compares with the keys that Salt's own returner wrote for the same documents.
func TestGoldenKeys(t *testing.T) {
	file, err := os.ReadFile("testdata/samples/golden.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(file) {
		var golden struct {
			Sample string
			Keys   map[string]struct{ Value json.RawMessage }
		}
		if err := json.Unmarshal(line, &golden); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(golden.Sample, ".json")
		r, err := ParseReturn(sample(t, name))
		if err != nil || strings.HasPrefix(name, "loads/") {
			continue // Salt stores more than we do; TestSampleOdd says what we refuse
		}
		t.Run(name, func(t *testing.T) {
			if _, ok := golden.Keys["ret:"+r.JID]; !ok {
				t.Errorf("Salt has no ret:%s", r.JID)
			}
			pointer, ok := golden.Keys[r.Minion+":"+r.Fun]
			if want := `"` + r.JID + `"`; !ok || string(pointer.Value) != want {
				t.Errorf("Salt's pointer %s:%s is %s, want %s", r.Minion, r.Fun, pointer.Value, want)
			}
		})
	}
}
