package codec

import "unicode/utf8"

const (
	xmlSpace     = " \t\r\n"
	xsiNamespace = "http://www.w3.org/2001/XMLSchema-instance"
	xmlNamespace = "http://www.w3.org/XML/1998/namespace"
)

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isBlank[T string | []byte](s T) bool {
	for i := range len(s) {
		if !isXMLSpace(s[i]) {
			return false
		}
	}
	return true
}

// isXMLChar follows the production Char of XML 1.0, section 2.2.
func isXMLChar(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' ||
		r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}

// badXMLChar returns the offset of the first byte that is not valid UTF-8 or
// not a character of XML, or -1.
func badXMLChar[T string | []byte](s T) int {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' && !isXMLSpace(c) {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && n == 1 || !isXMLChar(r) {
			return i
		}
		i += n
	}
	return -1
}

// isNCName follows Namespaces in XML 1.0, section 3: a name without a colon.
func isNCName(s string) bool {
	for i, r := range s {
		if !isNameStart(r) && (i == 0 || !isNameRest(r)) {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

func isNameStart(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '_':
		return true
	case r < 0xC0, r == 0xD7, r == 0xF7, r == utf8.RuneError:
		return false
	}
	for _, ranges := range nameStart {
		if r <= ranges[1] {
			return r >= ranges[0]
		}
	}
	return false
}

// nameStart is the production NameStartChar above ASCII, in order.
var nameStart = [...][2]rune{
	{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF},
	{0x200C, 0x200D}, {0x2070, 0x218F}, {0x2C00, 0x2FEF}, {0x3001, 0xD7FF},
	{0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
}

func isNameRest(r rune) bool {
	return '0' <= r && r <= '9' || r == '-' || r == '.' || r == 0xB7 ||
		0x300 <= r && r <= 0x36F || r == 0x203F || r == 0x2040
}
