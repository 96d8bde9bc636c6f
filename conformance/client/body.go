package client

import (
	"mime"
	"strings"

	"github.com/beevik/etree"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/value"
)

// decode reads the body of an answer, JSON or XML; nil if it is neither. An XML
// document becomes maps of its elements, which will do to look a code up.
func (s *stage) decode(o observed) any {
	typ, _, err := mime.ParseMediaType(o.AnswerHeader.Get("Content-Type"))
	if err != nil && o.AnswerHeader.Get("Content-Type") == "" {
		for name, list := range o.AnswerHeader { // as the contract spells it
			if strings.EqualFold(name, "Content-Type") && len(list) > 0 {
				typ, _, _ = mime.ParseMediaType(list[0])
			}
		}
	}
	if strings.HasSuffix(typ, "xml") {
		doc := etree.NewDocument()
		if doc.ReadFromBytes(o.AnswerBody) != nil || doc.Root() == nil {
			return nil
		}
		return element(doc.Root(), 0)
	}
	v, err := codec.DecodeJSON(o.AnswerBody, "", codec.DefaultLimits())
	if err != nil {
		return nil
	}
	return value.Plain(v)
}

func element(e *etree.Element, depth int) any {
	list := e.ChildElements()
	if len(list) == 0 || depth > 20 {
		return strings.TrimSpace(e.Text())
	}
	out := map[string]any{}
	for _, c := range list {
		out[c.Tag] = element(c, depth+1)
	}
	return out
}
