package codec

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"golang.org/x/net/html/charset"
)

// isUTF8 reports whether a charset's name, in lower case, means UTF-8 or a
// part of it. No name means UTF-8 everywhere in this package.
func isUTF8(name string) bool {
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return true
	}
	return false
}

func onlyUTF8(what, charset string) *Error {
	if isUTF8(strings.ToLower(charset)) {
		return nil
	}
	return errorOf(Encoding, what+" is read in UTF-8 only, and the Content-Type names another charset", "send charset=utf-8 or none")
}

// toUTF8 converts an XML document to UTF-8 and strips its byte order mark and
// its declaration. base is the length of what was stripped, for offsets.
//
// RFC 7303, section 3: a byte order mark decides, then the charset of the
// Content-Type, then the document's own declaration.
func toUTF8(data []byte, label string) (text []byte, base int, err *Error) {
	label = strings.ToLower(label)
	switch {
	case bytes.HasPrefix(data, bom):
		label, base = "utf-8", len(bom)
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		data, err = fromUTF16(data[2:], binary.BigEndian, "utf-16be")
		label = "utf-8"
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		data, err = fromUTF16(data[2:], binary.LittleEndian, "utf-16le")
		label = "utf-8"
	case label == "utf-16be":
		data, err = fromUTF16(data, binary.BigEndian, label)
		label = "utf-8"
	case label == "utf-16le":
		data, err = fromUTF16(data, binary.LittleEndian, label)
		label = "utf-8"
	case label == "utf-16":
		return nil, 0, errorOf(Encoding, "the XML is said to be in UTF-16 and has no byte order mark", "begin it with one, or send UTF-8")
	}
	if err != nil {
		return nil, 0, err
	}
	if label == "" {
		// Only the declaration is left to say it. It is ASCII in all charsets
		// that remain.
		d, err := parseDeclaration(data)
		if err != nil {
			return nil, 0, err
		}
		label = strings.ToLower(d.encoding)
	}
	if !isUTF8(label) {
		encoding, name := charset.Lookup(label)
		// By the WHATWG's table, which every browser follows, iso-8859-1 is
		// windows-1252. They differ in control characters only.
		if name != "windows-1252" {
			return nil, 0, errorOf(Encoding, "the XML is in a charset that is not read", "send UTF-8, ISO-8859-1, windows-1252, or UTF-16 with a byte order mark")
		}
		converted, err := encoding.NewDecoder().Bytes(data)
		if err != nil {
			return nil, 0, errorOf(Malformed, "the XML cannot be converted from its charset", "send UTF-8")
		}
		data = converted
	}
	d, err := parseDeclaration(data[base:])
	if err != nil {
		return nil, 0, err
	}
	base += d.length
	return data[base:], base, nil
}

// fromUTF16 refuses what the decoder would replace: half a code unit at the
// end, and half of a surrogate pair.
func fromUTF16(data []byte, order binary.ByteOrder, name string) ([]byte, *Error) {
	bad := len(data)%2 != 0
	for i := 0; i+1 < len(data) && !bad; i += 2 {
		r := rune(order.Uint16(data[i:]))
		if !utf16.IsSurrogate(r) {
			continue
		}
		bad = i+3 >= len(data) || utf16.DecodeRune(r, rune(order.Uint16(data[i+2:]))) == '\uFFFD'
		i += 2
	}
	if bad {
		return nil, errorOf(Malformed, "the XML is not valid UTF-16", "send UTF-8")
	}
	encoding, _ := charset.Lookup(name)
	out, err := encoding.NewDecoder().Bytes(data)
	if err != nil {
		return nil, errorOf(Malformed, "the XML is not valid UTF-16", "send UTF-8")
	}
	return out, nil
}

// declaration is what <?xml ...?> says. length is 0 if there is none.
type declaration struct {
	encoding string
	length   int
}

// parseDeclaration reads the declaration that data may begin with (XML 1.0,
// section 2.8): version, then encoding, then standalone. encoding/xml looks
// for these words anywhere in it.
func parseDeclaration(data []byte) (declaration, *Error) {
	const start = "<?xml"
	if len(data) <= len(start) || string(data[:len(start)]) != start || !isXMLSpace(data[len(start)]) {
		return declaration{}, nil
	}
	bad := func(what string) (declaration, *Error) {
		return declaration{}, errorAt(Malformed, data, 0, what, `write <?xml version="1.0" encoding="UTF-8"?>, or nothing`)
	}
	end := bytes.Index(data[:min(len(data), 256)], []byte("?>"))
	if end < 0 {
		return bad("the XML declaration does not end")
	}
	d := declaration{length: end + 2}
	rest := string(data[len(start):end])
	names := []string{"version", "encoding", "standalone"}
	version := false
	for next := 0; ; {
		trimmed := strings.TrimLeft(rest, xmlSpace)
		if trimmed == "" {
			break
		}
		name, after, found := strings.Cut(trimmed, "=")
		name, after = strings.TrimRight(name, xmlSpace), strings.TrimLeft(after, xmlSpace)
		for next < len(names) && names[next] != name {
			next++
		}
		if trimmed == rest || !found || next == len(names) || after == "" || after[0] != '"' && after[0] != '\'' {
			return bad("the XML declaration is not well-formed")
		}
		next++
		v, tail, closed := strings.Cut(after[1:], after[:1])
		if !closed {
			return bad("the XML declaration is not well-formed")
		}
		rest = tail
		switch name {
		case "version":
			version = true
			if v != "1.0" {
				return bad("the XML is not of version 1.0")
			}
		case "encoding":
			if v == "" {
				return bad("the XML declaration is not well-formed")
			}
			d.encoding = v
		case "standalone":
			if v != "yes" && v != "no" {
				return bad("the XML declaration is not well-formed")
			}
		}
	}
	if !version {
		return bad("the XML declaration has no version")
	}
	return d, nil
}
