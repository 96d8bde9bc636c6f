package codec

import (
	"bytes"
	"strings"
)

// plainPart is a part of a body that is written as clients write it.
type plainPart struct {
	disposition, typ string // header fields; typ may be missing
	content          []byte // of the body, not copied
}

// plainParts adds the parts of a body in which the boundary comes first, CRLF ends
// each line, and no part has a header field but the two that count, one of each at
// most. It reports false for all others, broken ones too: they are mime/multipart's
// to read, which needs a buffer of 4 KB and more for each body.
func plainParts(parts []plainPart, data []byte, boundary string) ([]plainPart, bool) {
	between := []byte("\r\n--" + boundary)
	first := between[len("\r\n"):]
	rest, ok := bytes.CutPrefix(data, first)
	for ok {
		if end, final := bytes.CutPrefix(rest, []byte("--")); final {
			return parts, len(end) == 0 || bytes.HasPrefix(end, []byte("\r\n"))
		}
		var p plainPart
		if rest, ok = p.head(rest); !ok || bytes.HasPrefix(rest, first) {
			break
		}
		p.content, rest, ok = bytes.Cut(rest, between)
		parts = append(parts, p)
	}
	return nil, false
}

// head reads what is between a boundary and the content, and returns what follows.
func (p *plainPart) head(rest []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(rest, []byte("\r\n"))
	for size := 0; ok && size <= maxPartHeaderBytes; {
		var line []byte
		if line, rest, ok = bytes.Cut(rest, []byte("\r\n")); !ok {
			break
		}
		if len(line) == 0 {
			return rest, p.disposition != ""
		}
		size += len(line)
		ok = p.field(line)
	}
	return nil, false
}

func (p *plainPart) field(line []byte) bool {
	for _, c := range line {
		if c < ' ' || c > '~' {
			return false
		}
	}
	name, v, _ := strings.Cut(string(line), ":")
	v = strings.Trim(v, " ")
	field := &p.disposition
	if !strings.EqualFold(name, "Content-Disposition") {
		if field = &p.typ; !strings.EqualFold(name, "Content-Type") {
			return false
		}
	}
	if v == "" || *field != "" {
		return false
	}
	*field = v
	return true
}
