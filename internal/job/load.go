package job

import (
	"slices"
)

// Load is a published job.
type Load struct {
	JID string
	// Body is the payload without the top-level members key and token, which are secrets; every other byte is as published.
	Body []byte
	// Minions are the valid ids in Minions and minions, sorted, each once. They may share memory with the published payload.
	Minions []string
	// Real says that this is what was published, not a return that some master stored in its place.
	Real bool
	// Profile is where the load is to be kept; "" is the default. A load itself does not say.
	Profile string
}

// ParseLoad checks a load and cuts out its secrets. jid is the one of the subject; where it is "", the body's is taken and must be
// there. The error is a *Rejection: malformed, subject (the body names another jid), identity, jid_req.
func ParseLoad(jid string, body []byte) (Load, error) {
	parts := loadParts{body: body, want: jid, real: true}
	if err := scanMembers(body, parts.visit); err != nil {
		return Load{}, err
	}
	if parts.err != nil {
		return Load{}, parts.err
	}
	if parts.want == "" {
		return Load{}, Reject(ReasonMalformed, "jid is missing: a load without a subject needs one")
	}
	if err := CheckJID(parts.want); err != nil {
		return Load{}, err
	}
	if parts.want == JIDRequest {
		return Load{}, errJIDRequest()
	}
	return parts.load(), nil
}

// loadParts gathers what a load's members say.
type loadParts struct {
	body          []byte
	want          string // the jid that every jid in the body must equal
	err           error  // the first jid that does not
	returns       bool   // holds a return
	real          bool   // by its last cmd
	targets, bare []byte // the last Minions and minions
	cuts          cuts
}

func (p *loadParts) visit(m member) {
	value := p.body[m.value:m.end]
	secret := false
	switch name := p.body[m.start:m.nameEnd]; {
	case named(name, "jid"):
		p.jid(value)
	case named(name, "key"), named(name, "token"):
		secret = true
	case named(name, "cmd"):
		p.real = !isText(value, "_return")
	case named(name, "return"):
		p.returns = true
	case named(name, minionsName):
		p.targets = value
	case named(name, "minions"):
		p.bare = value
	}
	p.cuts.member(m, secret)
}

// jid compares one jid of the body with the one wanted; the first is the one wanted if the subject gave none.
func (p *loadParts) jid(value []byte) {
	jid, ok := jidText(value)
	switch {
	case p.err != nil:
	case p.want == "" && (!ok || jid == ""):
		p.err = Reject(ReasonIdentity, "jid is neither text nor a whole number, or empty: use the job's id")
	case p.want == "":
		p.want = jid
	case !ok || jid != p.want:
		p.err = Reject(ReasonSubject, "jid in the load is not that of the subject: publish it under its own")
	}
}

func (p *loadParts) load() Load {
	minions := appendMinions(appendMinions(nil, p.targets), p.bare)
	slices.Sort(minions)
	return Load{
		JID:     p.want,
		Body:    p.cuts.apply(p.body),
		Minions: slices.Compact(minions),
		Real:    p.real && !p.returns,
	}
}

// isText tells whether a scanned value is just this text.
func isText(value []byte, text string) bool {
	return value[0] == '"' && unquote(value) == text
}
