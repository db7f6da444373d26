package job

import "strconv"

// Failed tells of a stored return whether it says that its run has failed: success is false, or a retcode is not 0. What is no
// JSON object says nothing.
func Failed(ret []byte) bool {
	var f fields
	return f.locate(ret) == nil && f.failed()
}

// failed judges a return as a whole. Of a compound command, success and retcode hold one value a function: one bad one is enough.
func (f *fields) failed() bool {
	return anyValue(f.raw(fieldSuccess), isFalse) || anyValue(f.raw(fieldRetcode), isBadCode)
}

// anyValue asks of a value, or of each member of it if it is an object or a list.
func anyValue(value []byte, is func(value []byte) bool) bool {
	if len(value) == 0 {
		return false
	}
	found := false
	switch value[0] {
	case '{':
		_ = Members(value, func(_ string, member []byte) error {
			found = found || is(member)
			return nil
		})
	case '[':
		_ = Elements(value, func(element []byte) error {
			found = found || is(element)
			return nil
		})
	default:
		found = is(value)
	}
	return found
}

func isFalse(value []byte) bool { return value[0] == 'f' }

// isBadCode tells whether a retcode is something else than 0. Python's false equals 0, its true does not; null says nothing.
func isBadCode(value []byte) bool {
	switch value[0] {
	case 'n', 'f':
		return false
	case '"':
		return !isZero(unquote(value))
	default:
		return !isZero(window(value))
	}
}

// isZero tells whether text is a number equal to 0.
func isZero(text string) bool {
	if text == "0" {
		return true
	}
	number, err := strconv.ParseFloat(text, 64)
	return err == nil && number == 0
}
