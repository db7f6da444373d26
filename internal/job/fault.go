package job

// fault is what is wrong at an offset. A byte instead of an error keeps the scanner free of allocations and its results in registers.
type fault uint8

const (
	fine fault = iota
	faultEnd
	faultValue
	faultNumber
	faultName
	faultColon
	faultComma
	faultQuote
	faultControl
	faultEscape
	faultSurrogate
	faultUTF8
	faultDepth
	faultTrailing
	faultObject
	faultArray
)

// String says what is wrong and what to do, for the one who publishes.
func (f fault) String() string {
	switch f {
	case faultEnd:
		return "the text ends early: publish the whole document"
	case faultValue:
		return "no JSON value: use a JSON encoder, without a byte order mark"
	case faultNumber:
		return "no JSON number: use a JSON encoder"
	case faultName:
		return "no member name: names are strings in double quotes, without a comma behind the last member"
	case faultColon:
		return "no colon behind a member name"
	case faultComma:
		return "neither a comma nor the closing bracket"
	case faultQuote:
		return "a string without its closing quote: publish the whole document"
	case faultControl:
		return "a raw control character in a string: escape it"
	case faultEscape:
		return "an escape that JSON does not know"
	case faultSurrogate:
		return "a lone surrogate escape: no UTF-8 text can hold it, replace it before publishing"
	case faultUTF8:
		return "not UTF-8: encode the text, or base64 the bytes"
	case faultDepth:
		return "nested deeper than 500: flatten it"
	case faultTrailing:
		return "something behind the document: publish one document a message"
	case faultObject:
		return "no JSON object: publish a single one"
	case faultArray:
		return "no JSON list"
	default:
		return "fine"
	}
}

// at makes the error of a fault; nil where there is none.
func (f fault) at(offset int) error {
	if f == fine {
		return nil
	}
	return Reject(ReasonMalformed, "offset %d: %v", offset, f)
}
