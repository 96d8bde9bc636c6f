package broken

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a JSON value or an XML element, its members in the order of the document.
type node struct {
	name string
	kind kind
	text string // of a scalar
	raw  string // of a scalar in JSON, as it was written
	kids []*node
}

type kind byte

const (
	object kind = iota
	array
	str
	number
	boolean
	null
)

// at is the member at the end of a path, or nil.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		var next *node
		for _, k := range n.kids {
			if k.name == name {
				next = k
			}
		}
		n = next
	}
	return n
}

// scalar is the text of a string, number or boolean; "" of anything else.
func (n *node) scalar() string {
	if n == nil || n.kind == null {
		return ""
	}
	return n.text
}

// any reports whether the function holds for the node or one below it.
func (n *node) any(holds func(*node) bool) bool {
	if holds(n) {
		return true
	}
	for _, k := range n.kids {
		if k.any(holds) {
			return true
		}
	}
	return false
}

const maxDepth = 64

var errDepth = errors.New("too deep")

func parseJSON(text []byte) (*node, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	root, err := readJSON(d, text, "", 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return root, nil
}

func readJSON(d *json.Decoder, text []byte, name string, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	from := d.InputOffset()
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{name: name, raw: strings.TrimLeft(string(text[from:d.InputOffset()]), " \t\r\n:,")}
	switch v := t.(type) {
	case string:
		n.kind, n.text = str, v
	case json.Number:
		n.kind, n.text = number, v.String()
	case bool:
		n.kind, n.text = boolean, n.raw
	case nil:
		n.kind = null
	case json.Delim:
		if v == '[' {
			n.kind = array
		}
		for d.More() {
			member := ""
			if n.kind == object {
				t, err := d.Token()
				if err != nil {
					return nil, err
				}
				member, _ = t.(string)
			}
			k, err := readJSON(d, text, member, depth+1)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, k)
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// parseXML gives a node that has the root element as its only member, as JSON does.
func parseXML(text []byte) (*node, error) {
	if bytes.Contains(bytes.ToUpper(text), []byte("<!DOCTYPE")) {
		return nil, errors.New("there is a DTD")
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // it is UTF-8 by now
	top := &node{}
	open := []*node{top}
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) != 1 || len(top.kids) != 1 {
				return nil, io.ErrUnexpectedEOF
			}
			return top, nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch t := t.(type) {
		case xml.StartElement:
			if len(open) > maxDepth {
				return nil, errDepth
			}
			n := &node{name: t.Name.Local, kind: str}
			last.kind, last.kids, open = object, append(last.kids, n), append(open, n)
		case xml.EndElement:
			last.text, open = strings.TrimSpace(last.text), open[:len(open)-1]
		case xml.CharData:
			last.text += string(t)
		}
	}
}

var declared = regexp.MustCompile(`^\s*<\?xml[^>]*encoding=["']([A-Za-z0-9._-]+)`)

// decode is a body as UTF-8: by its byte order mark, else by the charset of
// Content-Type, else by the XML declaration.
func (c *Client) decode(body []byte, contentType string) ([]byte, error) {
	charset := "utf-8"
	if m := declared.FindSubmatch(body); m != nil {
		charset = string(m[1])
	}
	if _, params, _ := mime.ParseMediaType(contentType); params["charset"] != "" {
		charset = params["charset"]
	}
	for mark, name := range map[string]string{"\xef\xbb\xbf": "utf-8", "\xff\xfe": "utf-16le", "\xfe\xff": "utf-16be"} {
		if rest, ok := bytes.CutPrefix(body, []byte(mark)); ok {
			if c.has("fails-on-bom") {
				return nil, errors.New("it does not begin as it should")
			}
			body, charset = rest, name
			break
		}
	}
	if c.has("refuses-charset") && !strings.EqualFold(charset, "utf-8") {
		return nil, errors.New("it is not UTF-8")
	}
	switch strings.ToLower(charset) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		if !utf8.Valid(body) {
			return nil, errors.New("it is not UTF-8")
		}
		return body, nil
	case "iso-8859-1", "latin1", "windows-1252", "cp1252": // alike, as far as these APIs write them
		text := make([]rune, 0, len(body))
		for _, b := range body {
			text = append(text, rune(b))
		}
		return []byte(string(text)), nil
	case "utf-16", "utf-16be":
		return wide(body, binary.BigEndian), nil
	case "utf-16le":
		return wide(body, binary.LittleEndian), nil
	}
	return nil, errors.New("its charset is not known")
}

func wide(body []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(body)/2)
	for ; len(body) > 1; body = body[2:] {
		units = append(units, order.Uint16(body))
	}
	return []byte(string(utf16.Decode(units)))
}
