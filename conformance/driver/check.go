package driver

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Check compares a line with the definitions of the protocol that it may be
// ("ready", "report", "skipped", "errored", "start", "run", "stop"), and returns
// what is wrong with it, a sentence each; none: it is one of them. Without
// a name, it is whatever a driver may say.
func Check(line string, as ...string) []string {
	var c checker
	return c.check(line, as...)
}

// checker is Check for many lines.
type checker struct {
	known map[string]*jsonschema.Schema // definitions that are compiled, by name
}

func (c *checker) check(line string, as ...string) []string {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		return []string{"it is no JSON object on one line (" + err.Error() + ")"}
	}
	object, ok := v.(map[string]any)
	if !ok {
		return []string{"it is JSON, but no object"}
	}
	name := "fromDriver"
	if len(as) > 0 {
		name = as[0]
	}
	for _, a := range as {
		if _, has := object[marks[a]]; has {
			name = a
			break
		}
	}
	s, err := c.compiled(name)
	if err != nil {
		return []string{err.Error()}
	}
	if err = s.Validate(v); err == nil {
		return nil
	}
	var found *jsonschema.ValidationError
	if e, is := err.(*jsonschema.ValidationError); is { //nolint:errorlint // it is never wrapped
		found = e
	} else {
		return []string{err.Error()}
	}
	var out []string
	leaves(found, &out)
	return slices.Compact(out)
}

// marks are the members by which messages are told apart.
//
//nolint:gochecknoglobals // a constant; Go has none of this type
var marks = map[string]string{"ready": "ready", "report": "steps", "skipped": "skipped", "errored": "errored"}

// compiled is one definition of the schema.
func (c *checker) compiled(name string) (*jsonschema.Schema, error) {
	if s := c.known[name]; s != nil {
		return s, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("protocol.json", doc); err != nil {
		return nil, err
	}
	s, err := compiler.Compile("protocol.json#/$defs/" + name)
	if err != nil {
		return nil, err
	}
	if c.known == nil {
		c.known = map[string]*jsonschema.Schema{}
	}
	c.known[name] = s
	return s, nil
}

// leaves are the innermost findings, which say where and what.
func leaves(e *jsonschema.ValidationError, out *[]string) {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			leaves(c, out)
		}
		return
	}
	where := "the object"
	if len(e.InstanceLocation) > 0 {
		where = "/" + strings.Join(e.InstanceLocation, "/")
	}
	*out = append(*out, fmt.Sprintf("%s: %s", where, e.ErrorKind.LocalizedString(message.NewPrinter(language.English))))
}
