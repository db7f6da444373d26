package job

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"unicode/utf8"
)

// judge says independently of the scanner what rule 1 says, for documents without NaN and Infinity.
func judge(data []byte) bool {
	depth, lone := survey(data)
	return json.Valid(data) && utf8.Valid(data) && !lone && depth <= MaxDepth
}

// survey counts the nesting of a valid document and looks for lone surrogate escapes, by way of its tokens' bytes.
func survey(data []byte) (deepest int, lone bool) {
	depth, inside := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inside = !inside
		case inside && c == '\\':
			if pair := surrogates(data[i:]); pair != 0 {
				lone = lone || pair == 1
				i += 6*pair - 1
				continue
			}
			i++
		case !inside && (c == '{' || c == '['):
			depth++
			deepest = max(deepest, depth)
		case !inside && (c == '}' || c == ']'):
			depth--
		}
	}
	return deepest, lone
}

// surrogates tells how many of the escapes that data begins with are surrogates that belong together: 0, 1 (a lone one) or 2.
func surrogates(data []byte) int {
	unit := func(at int) string {
		if len(data) < at+6 || data[at] != '\\' || data[at+1] != 'u' {
			return ""
		}
		return string(bytes.ToLower(data[at+2 : at+6]))
	}
	first, second := unit(0), unit(6)
	switch {
	case first < "d800" || first > "dfff":
		return 0
	case first < "dc00" && second >= "dc00" && second <= "dfff":
		return 2
	default:
		return 1
	}
}

func FuzzScan(f *testing.F) {
	seed(f)
	for _, text := range []string{`"\ud83d\ude00"`, `"\ud800\ud800"`, `[-0.1e+5, NaN]`, " {\"a\" : [ ] } ", "\"\xed\xa0\x80\"", nested(500), nested(501)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err := Validate(data)
		strict := Strict(data)
		if accepted := err == nil; judge(data) && !accepted {
			t.Fatalf("refused what is well-formed: %v", err)
		} else if accepted && !judge(strict) {
			t.Fatal("accepted what is not well-formed")
		}
		if err == nil && json.Valid(data) && !bytes.Equal(strict, data) {
			t.Fatal("Strict changed a document without specials")
		}
		checkRejection(t, err)
		if !bytes.Equal(before, data) {
			t.Fatal("the payload was changed")
		}
	})
}

func checkRejection(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	rejection, ok := errors.AsType[*Rejection](err)
	if !ok || !slices.Contains(Reasons(), rejection.Reason) || len(rejection.Detail) > maxDetail {
		t.Fatalf("got %v, want a rejection", err)
	}
}

func FuzzParseReturn(f *testing.F) {
	seed(f)
	f.Add([]byte(whole(`, "ret_kwargs": {"db": "3"}, "ret_config": "x", "success": [false], "retcode": {"a": "0"}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got, err := ParseReturn(data)
		checkRejection(t, err)
		if !bytes.Equal(before, data) {
			t.Fatal("the payload was changed")
		}
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(Strict(data), &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if id := stdText(t, want["id"]); got.Minion != id || CheckMinion(id) != nil {
			t.Errorf("got id %q, want %q", got.Minion, id)
		}
		if jid := stdText(t, want["jid"]); got.JID != jid || CheckJID(jid) != nil {
			t.Errorf("got jid %q, want %q", got.JID, jid)
		}
		if fun := stdFun(t, want["fun"]); got.Fun != fun {
			t.Errorf("got fun %q, want %q", got.Fun, fun)
		}
		if !bytes.Equal(got.Body, data) || got.DB < NoDB {
			t.Errorf("got %+v", got)
		}
	})
}

// stdText is a text, or a number's literal, as encoding/json reads it.
func stdText(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw[0] != '"' {
		return string(raw)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatal(err)
	}
	return text
}

func stdFun(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	if raw[0] == '"' {
		return stdText(t, raw)
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		t.Fatal(err)
	}
	return FunName(names, true)
}

func FuzzLoad(f *testing.F) {
	seed(f)
	for _, text := range []string{`{"key": 1}`, `{"jid": 1, "k\u0065y": 1, "a": 2, "token": {}}`, `{"Minions": ["a"], "jid": "x"}`, "{ \"jid\" : 1 ,\n\"key\":2 }"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		_, err := ParseLoad("", data)
		checkRejection(t, err)
		load, err := ParseLoad(fuzzJID(data), data)
		checkRejection(t, err)
		if err != nil {
			return
		}
		if got, want := public(t, load.Body), public(t, data); !slices.Equal(got, want) {
			t.Errorf("got members %q, want %q", got, want)
		}
		if err := Members(load.Body, func(name string, _ []byte) error { return secret(name) }); err != nil {
			t.Errorf("%v in %s", err, load.Body)
		}
		once := SetMinions(load.Body, append(load.Minions, "fuzz"))
		if err := Validate(once); err != nil {
			t.Errorf("SetMinions made %s: %v", once, err)
		}
		again, err := ParseLoad(load.JID, once)
		if want := append(slices.Clone(load.Minions), "fuzz"); err != nil || !slices.Contains(again.Minions, "fuzz") || len(again.Minions) > len(want) {
			t.Errorf("got minions %q, %v; want %q", again.Minions, err, want)
		}
		if twice := SetMinions(once, append(load.Minions, "fuzz")); !bytes.Equal(once, twice) {
			t.Errorf("SetMinions twice: %s, once: %s", twice, once)
		}
		if !bytes.Equal(before, data) {
			t.Fatal("the payload was changed")
		}
	})
}

// fuzzJID is the jid of a subject that fits the load.
func fuzzJID(data []byte) string {
	jid := "1"
	_ = Members(data, func(name string, value []byte) error {
		if text, ok := String(value); ok && name == "jid" {
			jid = text
		}
		return nil
	})
	return jid
}

// public lists the members that are no secrets, with their raw values.
func public(t *testing.T, data []byte) []string {
	t.Helper()
	var members []string
	err := Members(data, func(name string, value []byte) error {
		if secret(name) == nil {
			members = append(members, name+"="+string(value))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("not an object: %v", err)
	}
	return members
}

func secret(name string) error {
	if name == "key" || name == "token" {
		return errors.New("a secret is left")
	}
	return nil
}

func FuzzSubject(f *testing.F) {
	for _, subject := range []string{
		"salt.job.20261120080000000001.ret.web1.example.com", "salt.job.a%2Eb.new", "salt.job.1.ret.a%2E%2Eb", "salt.job.1.ret.%61", "salt.job.1.complete", "salt.job..ret..",
	} {
		f.Add(subject)
	}
	for _, want := range sampleReturns() {
		f.Add(NewSubjects("salt").Return(want.jid, want.id))
	}
	f.Fuzz(func(t *testing.T, subject string) {
		s := NewSubjects("salt")
		lenient, lenientErr := s.ParseLenient(subject)
		checkRejection(t, lenientErr)
		name, err := s.Parse(subject)
		checkRejection(t, err)
		if err != nil {
			return
		}
		if lenientErr != nil || lenient != name {
			t.Errorf("got %+v leniently (%v), %+v strictly", lenient, lenientErr, name)
		}
		again := s.Return(name.JID, name.Minion)
		if name.Load {
			again = s.Load(name.JID)
		}
		if again != subject {
			t.Errorf("got %q back, want %q", again, subject)
		}
	})
}
