package main

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"returnd/client"
	"returnd/internal/job"
)

// The values of --as.
const (
	asAuto   = "auto"
	asReturn = "return"
	asLoad   = "load"
)

// router finds the subject of a document.
type router struct {
	client *client.Client
	// as is one of the constants above.
	as string
	// jid names the job of loads that do not say it themselves.
	jid string
	// subject, where it is set, takes every document; with force even those that are refused otherwise.
	subject string
	force   bool
	// redate is nil where jids stay as they are.
	redate *redater
}

// route gives the subject and may give the body another jid, in place.
func (r *router) route(body []byte) (string, error) {
	subject, err := r.find(body)
	switch {
	case err != nil && r.force:
		return r.subject, nil
	case err != nil:
		return "", err
	case r.subject != "":
		return r.subject, nil
	}
	return subject, nil
}

func (r *router) find(body []byte) (string, error) {
	seen, err := look(body)
	if err != nil {
		return "", err
	}
	if r.redate != nil {
		r.redate.apply(seen.jid)
	}
	d, err := r.document(body, seen)
	return d.Subject, err
}

func (r *router) document(body []byte, seen identity) (client.Document, error) {
	switch {
	case r.as == asReturn || r.as == asAuto && seen.isReturn():
		return r.client.ReturnDocument(body)
	case seen.jid != nil:
		return r.client.LoadDocument("", body)
	case r.jid == "":
		return client.Document{}, errors.New("a load without jid: say which job it belongs to with --jid")
	}
	return r.client.LoadDocument(r.jid, body)
}

// identity is what of a document decides where it goes; the values are raw and part of the body.
type identity struct {
	jid, id, ret []byte
}

// isReturn is the rule of --as auto: an id says who answers, return says what; a load has neither.
func (i identity) isReturn() bool { return i.id != nil || i.ret != nil }

// look validates a document and finds its identity.
func look(body []byte) (identity, error) {
	var seen identity
	err := job.Members(body, func(name string, value []byte) error {
		switch name {
		case "jid":
			seen.jid = value
		case "id":
			seen.id = value
		case "return":
			seen.ret = value
		}
		return nil
	})
	return seen, err
}

// redater moves time jids to the present: the first one of a run becomes now, and every other one keeps its distance
// to it. So one jid stays one jid over all documents, two stay two, and their order stays too.
type redater struct {
	now   time.Time
	known bool
	shift time.Duration
}

// apply overwrites the digits of a raw jid, which are as many as before; a jid that is no time stays.
func (r *redater) apply(raw []byte) {
	text := bytes.Trim(raw, `"`)
	then, ok := job.JIDTime(string(text))
	if !ok {
		return
	}
	if !r.known {
		r.known = true
		r.shift = r.now.Sub(then)
	}
	copy(text, job.FormatJID(then.Add(r.shift)))
}

// checkAs refuses what --as does not know.
func checkAs(as string) error {
	switch as {
	case asAuto, asReturn, asLoad:
		return nil
	}
	return fmt.Errorf("--as is %q: use %s, %s or %s", as, asAuto, asReturn, asLoad)
}
