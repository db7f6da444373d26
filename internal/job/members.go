package job

import "bytes"

// Members checks that object is one well-formed JSON object and then hands over its members in order; value is the raw bytes. Names and values share
// memory with object. An error of yield ends the walk and is returned as it is; else the error is a *Rejection.
func Members(object []byte, yield func(name string, value []byte) error) error {
	if err := scanMembers(object, func(member) {}); err != nil {
		return err
	}
	w := walkMembers(object)
	for w.next() {
		if err := yield(unquote(object[w.start:w.nameEnd]), object[w.value:w.end]); err != nil {
			return err
		}
	}
	return nil
}

// Elements does for a JSON list what [Members] does for an object.
func Elements(array []byte, yield func(value []byte) error) error {
	if err := Validate(array); err != nil {
		return err
	}
	i := space(array, 0)
	if array[i] != '[' {
		return faultArray.at(i)
	}
	i = space(array, i+1)
	for more := array[i] != ']'; more; {
		end, _ := scanValue(array, i, 0)
		if err := yield(array[i:end]); err != nil {
			return err
		}
		i, more, _ = scanComma(array, end, ']')
	}
	return nil
}

// scanMembers checks that data is one well-formed JSON object and shows every member on the way. What visit noted holds only
// if there is no error.
func scanMembers(data []byte, visit func(member)) error {
	w := walkMembers(data)
	for w.next() {
		visit(w.member)
	}
	return w.fault.at(w.at)
}

// walk goes through the members of an object that is a document of its own. When next has said no, fault and at tell how it went.
type walk struct {
	member // the current one
	data   []byte
	at     int // of the next member, or of the fault
	more   bool
	fault  fault
}

// walkMembers stands before the first member.
func walkMembers(data []byte) walk {
	w := walk{data: data, at: space(data, 0)}
	if w.at >= len(data) || data[w.at] != '{' {
		w.fault = faultObject
		return w
	}
	w.at = space(data, w.at+1)
	w.more = w.at >= len(data) || data[w.at] != '}'
	if !w.more {
		w.at, w.fault = scanEnd(data, w.at+1)
	}
	return w
}

// next moves to the next member, and looks behind it already for a comma or the end of the document.
func (w *walk) next() bool {
	if !w.more {
		return false
	}
	if w.member, w.fault = scanMember(w.data, w.at, 1); w.fault != fine {
		w.at, w.more = w.end, false
		return false
	}
	w.at, w.more, w.fault = scanComma(w.data, w.end, '}')
	if !w.more && w.fault == fine {
		w.at, w.fault = scanEnd(w.data, w.at)
	}
	return true
}

// named tells whether a raw name, quotes included, spells name, be it by escapes.
func named(raw []byte, name string) bool {
	if inner := raw[1 : len(raw)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == name
	}
	return unquote(raw) == name
}
