package conformance

import (
	"strings"

	"github.com/mockauth/mockauth/internal/codec"
	"github.com/mockauth/mockauth/internal/schema"
	"github.com/mockauth/mockauth/internal/wire"
	"github.com/mockauth/mockauth/specs"
)

// bodies are those that a runner has sent and received: most say what another said
// before, to the byte, and are read once. What was read is never changed.
type bodies struct {
	asked    map[askedBody]*wire.Body
	answered map[answeredBody]*content
}

// longestKept bounds the bytes of a body that is kept.
const longestKept = 16 << 10

// askedBody tells the bodies of requests apart, answeredBody those of answers.
type askedBody struct {
	op       *wire.Operation
	typ, raw string
}

type answeredBody struct {
	typ, due string // the field Content-Type, and the media type that was due
	node     *schema.Node
	raw      string
}

// content is what the body of an answer says.
type content struct {
	typ    string // media type, "" if there is none
	body   any    // plain; nil if it cannot be read
	broken string // why it cannot be read
	// found are the places in which it breaks a schema, by the pointer of that.
	found map[string][]schema.Finding
}

func newBodies() *bodies {
	return &bodies{asked: map[askedBody]*wire.Body{}, answered: map[answeredBody]*content{}}
}

// ofRequest reads a body as the server will.
func (b *bodies) ofRequest(op *wire.Operation, typ []string, raw []byte) *wire.Body {
	said := strings.Join(typ, ",")
	if known := b.asked[askedBody{op, said, string(raw)}]; known != nil {
		return known
	}
	out := op.ReadBody(typ, raw, codec.DefaultLimits())
	if len(raw) <= longestKept {
		b.asked[askedBody{op, said, string(raw)}] = out
	}
	return out
}

// ofAnswer reads a body that came with a Content-Type, where a media type and a
// schema were due.
func (b *bodies) ofAnswer(typ, due string, node *schema.Node, raw []byte) *content {
	if known := b.answered[answeredBody{typ, due, node, string(raw)}]; known != nil {
		return known
	}
	out := readContent(typ, due, node, raw)
	if len(raw) <= longestKept {
		b.answered[answeredBody{typ, due, node, string(raw)}] = out
	}
	return out
}

func readContent(typ, due string, node *schema.Node, raw []byte) *content {
	c := &content{}
	var params map[string]string
	var err error
	if c.typ, params, err = codec.MediaType(typ); err != nil {
		c.typ = ""
	}
	as := c.typ
	if as == "" {
		as = due // said nowhere: read as it should be
	}
	v, err := wire.Decode(as, params, raw, node, codec.DefaultLimits())
	if err != nil {
		c.broken = err.Error()
		return c
	}
	if node != nil {
		v = codec.Unbare(v, node)
	}
	c.body = v
	return c
}

// findings are the places in which the body breaks the schema at a pointer.
func (c *content) findings(of *specs.Contract, pointer string) []schema.Finding {
	found, known := c.found[pointer]
	if known {
		return found
	}
	if v, err := of.Schemas.Compile(pointer, schema.Response); err == nil {
		found = v.Validate(c.body)
	}
	if c.found == nil {
		c.found = map[string][]schema.Finding{}
	}
	c.found[pointer] = found
	return found
}
