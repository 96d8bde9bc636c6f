package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// declared finds the encoding in an XML declaration.
var declared = regexp.MustCompile(`^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)`)

// JSON reads the body, which has to be a JSON object, into v.
func (a *Answer) JSON(v any) error {
	text, err := a.text("utf-8")
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		return a.Unreadable("JSON")
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) || json.Unmarshal(text, v) != nil {
		return a.unlike(fmt.Sprintf("the answer (HTTP %d) is JSON, but not of the form of this API", a.Status))
	}
	return nil
}

// XML reads the body, which has to be an XML document without DTD, into v.
func (a *Answer) XML(v any) error {
	charset := "utf-8"
	if m := declared.FindSubmatch(a.Body); m != nil {
		charset = string(m[1])
	}
	text, err := a.text(charset)
	if err != nil {
		return err
	}
	if bytes.Contains(bytes.ToUpper(text), []byte("<!DOCTYPE")) {
		return a.Unreadable("plain XML")
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	if d.Decode(v) != nil {
		return a.Unreadable("XML of this API")
	}
	return nil
}

// text is the body as UTF-8: by its byte order mark, else by the charset of
// Content-Type, else by the one given.
func (a *Answer) text(charset string) ([]byte, error) {
	_, params, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if named := params["charset"]; named != "" {
		charset = named
	}
	body := a.Body
	for mark, name := range map[string]string{"\xef\xbb\xbf": "utf-8", "\xff\xfe": "utf-16le", "\xfe\xff": "utf-16be"} {
		if rest, ok := bytes.CutPrefix(body, []byte(mark)); ok {
			body, charset = rest, name
			break
		}
	}
	switch strings.ToLower(charset) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		if utf8.Valid(body) {
			return body, nil
		}
	case "iso-8859-1", "latin1", "windows-1252", "cp1252":
		return latin(body), nil
	case "utf-16be", "utf-16":
		return wide(body, binary.BigEndian), nil
	case "utf-16le":
		return wide(body, binary.LittleEndian), nil
	}
	return nil, a.unlike(fmt.Sprintf("the answer (HTTP %d) is no text of charset %s", a.Status, Brief(charset)))
}

// latin reads Windows-1252, of which ISO 8859-1 is a part but for control codes.
func latin(body []byte) []byte {
	const upper = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"
	high, text := []rune(upper), make([]rune, 0, len(body))
	for _, b := range body {
		r := rune(b)
		if r >= 0x80 && r < 0xa0 {
			r = high[r-0x80]
		}
		text = append(text, r)
	}
	return []byte(string(text))
}

func wide(body []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(body)/2)
	for ; len(body) > 1; body = body[2:] {
		units = append(units, order.Uint16(body))
	}
	return []byte(string(utf16.Decode(units)))
}
