package job

import "strings"

// NoDB is the DB of a return that asks for none.
const NoDB = -1

// Return is one minion's answer to a job. Its strings may share memory with Body, which is never changed.
type Return struct {
	JID, Minion string
	// Fun is what stands behind the colon of the pointer key; see FunName.
	Fun string
	// Profile is the ret_config, "" where there is none or it is no text.
	Profile string
	// DB is the ret_kwargs' db, or NoDB.
	DB int
	// Failed says that success is false or a retcode is not 0.
	Failed bool
	// Body is the payload as published.
	Body []byte
}

// ParseReturn finds the identity of a return and proves its payload well-formed, in one pass and usually without allocating.
// The error is a *Rejection: first for the form (malformed), which includes that id, jid and fun each occur exactly once, then for what
// they hold (identity), then for the jid "req" (jid_req), then for what the return asks for (ret_kwargs).
// The jid "nocache" is a return like any other here.
func ParseReturn(body []byte) (Return, error) {
	var f fields
	if err := f.find(body); err != nil {
		return Return{}, err
	}
	r := Return{Body: body, DB: NoDB, Failed: f.failed()}
	if err := f.identity(&r); err != nil {
		return Return{}, err
	}
	if r.JID == JIDRequest {
		return Return{}, errJIDRequest()
	}
	r.Profile, _ = f.text(fieldConfig)
	if err := f.options(&r); err != nil {
		return Return{}, err
	}
	return r, nil
}

// HasPointer tells whether the return moves its minion's pointer. With the ids "ret" and "load", or such a word before a colon,
// the pointer would land on a job's key.
func (r *Return) HasPointer() bool {
	segment, _, _ := strings.Cut(r.Minion, ":")
	return segment != "ret" && segment != "load"
}

func errJIDRequest() error {
	return Reject(ReasonJIDReq, "jid asks the master to allocate one: publish under the allocated jid")
}

// identity checks and takes the three fields that name a return.
func (f *fields) identity(r *Return) error {
	var ok bool
	if r.Minion, ok = f.text(fieldID); !ok {
		return Reject(ReasonIdentity, "id is no text: use the minion's id")
	}
	if err := CheckMinion(r.Minion); err != nil {
		return err
	}
	if r.JID, ok = jidText(f.raw(fieldJID)); !ok {
		return Reject(ReasonIdentity, "jid is neither text nor a whole number: use the job's id")
	}
	if err := CheckJID(r.JID); err != nil {
		return err
	}
	var err error
	r.Fun, err = funText(f.raw(fieldFun))
	return err
}

// jidText reads a jid: text, or an int of plain digits, which counts as its text.
func jidText(value []byte) (string, bool) {
	if value[0] == '"' {
		return unquote(value), true
	}
	text := window(value)
	return text, digits(text)
}

// funText reads and checks a fun: one name, or a list of names.
func funText(value []byte) (string, error) {
	switch value[0] {
	case '"':
		name := unquote(value)
		return name, CheckFun(name)
	case '[':
		return funList(value)
	default:
		return "", errFunType()
	}
}

func funList(value []byte) (string, error) {
	var names []string
	err := Elements(value, func(element []byte) error {
		name, ok := String(element)
		if !ok {
			return errFunType()
		}
		names = append(names, name)
		return CheckFun(name)
	})
	if err != nil {
		return "", err
	}
	text := FunName(names, true)
	if len(text) > maxFuns {
		return "", Reject(ReasonIdentity, "fun is a list of %d bytes as Salt writes it: call fewer functions at once, %d bytes are allowed", len(text), maxFuns)
	}
	return text, nil
}

func errFunType() error {
	return Reject(ReasonIdentity, "fun is neither text nor a list of texts: use the function's name")
}
