package job

import "strings"

// Subjects is the subject space under one prefix.
//
//	<prefix>.job.<jid>.ret.<minion>   a return; a minion's dots spread it over several tokens
//	<prefix>.job.<jid>.new            a load
//	<prefix>.job.<jid>.complete       announced when all expected minions have returned
//	<prefix>.dead.<reason>            dead letters
//	<prefix>.returner.<endpoint>      the query service
type Subjects struct {
	prefix string
	job    string // what every job's subject starts with
}

// NewSubjects takes the prefix as configured, which may hold dots.
func NewSubjects(prefix string) Subjects {
	return Subjects{prefix: prefix, job: prefix + ".job."}
}

// Return is the subject of a minion's return.
func (s Subjects) Return(jid, minion string) string {
	return s.job + EncodeJID(jid) + ".ret." + EncodeMinion(minion)
}

// Load is the subject of a job's load.
func (s Subjects) Load(jid string) string { return s.job + EncodeJID(jid) + ".new" }

// Complete is where the end of a job is announced.
func (s Subjects) Complete(jid string) string { return s.job + EncodeJID(jid) + ".complete" }

// Dead is the subject of dead letters with a reason.
func (s Subjects) Dead(r Reason) string { return s.prefix + ".dead." + string(r) }

// DeadAll matches every dead letter.
func (s Subjects) DeadAll() string { return s.prefix + ".dead.>" }

// Returner is what the query service's endpoints stand under.
func (s Subjects) Returner() string { return s.prefix + ".returner" }

// Streams lists what the stream of returns takes in, and nothing else.
func (s Subjects) Streams() []string {
	return []string{s.job + "*.ret.>", s.job + "*.new"}
}

// Name is what a subject names: a return, or with Load a load, whose Minion is "".
type Name struct {
	JID, Minion string
	Load        bool
}

// Parse reads a subject, which must be in its one canonical form: otherwise a minion could publish for another under a spelling that its
// permissions let pass. The error is a *Rejection. Names that need no decoding cost no allocation.
func (s Subjects) Parse(subject string) (Name, error) {
	raw, err := s.split(subject)
	if err != nil {
		return Name{}, err
	}
	jid, err := decodeCanonical("jid", raw.JID, EncodeJID)
	if err != nil {
		return Name{}, err
	}
	if raw.Load {
		return Name{JID: jid, Load: true}, nil
	}
	minion, err := decodeCanonical("minion", raw.Minion, EncodeMinion)
	if err != nil {
		return Name{}, err
	}
	return Name{JID: jid, Minion: minion}, nil
}

// ParseLenient is for publishers whose subjects cannot be relied upon (consume.verify_subject: false): it tells a return from a load and decodes
// what it can; what it cannot stays as it is.
func (s Subjects) ParseLenient(subject string) (Name, error) {
	name, err := s.split(subject)
	if err != nil {
		return Name{}, err
	}
	name.JID = decodeLenient(name.JID)
	name.Minion = decodeLenient(name.Minion)
	return name, nil
}

// split takes a subject apart without decoding.
func (s Subjects) split(subject string) (Name, error) {
	if !strings.HasPrefix(subject, s.job) {
		return Name{}, Reject(ReasonSubject, "subject is not below %s: check subjects.prefix", s.job)
	}
	jid, rest, _ := strings.Cut(subject[len(s.job):], ".")
	minion, isReturn := strings.CutPrefix(rest, "ret.")
	switch {
	case jid == "":
		return Name{}, Reject(ReasonSubject, "subject names no jid: publish to %s<jid>.new or .ret.<minion>", s.job)
	case rest == "new":
		return Name{JID: jid, Load: true}, nil
	case isReturn && minion != "":
		return Name{JID: jid, Minion: minion}, nil
	default:
		return Name{}, Reject(ReasonSubject, "subject is neither a load's nor a return's: publish to %s<jid>.new or .ret.<minion>", s.job)
	}
}

// decodeCanonical decodes a token that encode would write just so.
func decodeCanonical(what, token string, encode func(string) string) (string, error) {
	text, err := DecodeToken(token)
	if err != nil {
		return "", err
	}
	if encode(text) != token {
		return "", Reject(ReasonSubject, "subject's %s is not in canonical form: encode exactly the bytes that need it, hex in upper case", what)
	}
	return text, nil
}

func decodeLenient(token string) string {
	if text, err := DecodeToken(token); err == nil {
		return text
	}
	return token
}
