// Package document reads a YAML or JSON file into a tree that still knows the
// order of members and the line of each, which neither kin-openapi's model nor
// encoding/json does. Everything that a contract says about sessions is read
// from this tree, so that a finding can name file, line and JSON pointer.
package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mockauth/mockauth/internal/value"
)

// MaxBytes is the largest file that Parse reads: 16 MiB, some thirty times the
// largest public OpenAPI document that was tried.
const MaxBytes = 16 << 20

// maxNodes bounds the tree after aliases have been followed, so that a few
// nested anchors cannot grow without end.
const maxNodes = 2_000_000

// Document is one parsed file.
type Document struct {
	Name string // as shown in findings: the path as the user gave it
	Root *yaml.Node
}

// Error is a file that cannot be read as YAML or JSON.
type Error struct {
	Name    string
	Line    int // 0 if unknown
	Message string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", e.Name, e.Line, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.Name, e.Message)
}

// ReadFile reads a file that Parse will take: no more than MaxBytes of it, so
// that a device or a pipe that never ends is refused as well.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err == nil && len(data) > MaxBytes {
		return nil, fmt.Errorf("it has more than the %d bytes that are read", MaxBytes)
	}
	return data, err
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// Parse reads data, which is YAML or JSON, as one document. Duplicate keys are
// refused. The error, if any, is an *Error.
func Parse(name string, data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Name: name, Message: fmt.Sprintf("the file has %d bytes; at most %d are read", len(data), MaxBytes)}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		e := &Error{Name: name, Message: yamlLine.ReplaceAllString(err.Error(), "")}
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			e.Line, _ = strconv.Atoi(m[1])
		}
		return nil, e
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) == 0 {
		return nil, &Error{Name: name, Message: "the file is empty"}
	}
	c := checker{name: name}
	if err := c.check(root.Content[0], 0, map[*yaml.Node]bool{}); err != nil {
		return nil, err
	}
	return &Document{Name: name, Root: root.Content[0]}, nil
}

type checker struct {
	name  string
	nodes int
}

func (c *checker) check(n *yaml.Node, depth int, open map[*yaml.Node]bool) error {
	c.nodes++
	if c.nodes > maxNodes {
		return &Error{c.name, n.Line, "too many values once aliases are followed"}
	}
	if depth > 200 {
		return &Error{c.name, n.Line, "nested deeper than 200 levels"}
	}
	switch n.Kind {
	case yaml.AliasNode:
		if open[n.Alias] {
			return &Error{c.name, n.Line, "the alias *" + n.Value + " contains itself"}
		}
		open[n.Alias] = true
		defer delete(open, n.Alias)
		return c.check(n.Alias, depth+1, open)
	case yaml.MappingNode:
		seen := make(map[string]int, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind == yaml.AliasNode {
				k = k.Alias
			}
			if k.Kind != yaml.ScalarNode {
				return &Error{c.name, k.Line, "a key must be a plain text, not a list or a map"}
			}
			if line, dup := seen[k.Value]; dup && k.Tag != "!!merge" {
				return &Error{c.name, k.Line, fmt.Sprintf("the key %q stands twice; first in line %d", k.Value, line)}
			}
			seen[k.Value] = k.Line
			if err := c.check(n.Content[i+1], depth+1, open); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, e := range n.Content {
			if err := c.check(e, depth+1, open); err != nil {
				return err
			}
		}
	}
	return nil
}

// Entry is one key and value of a map.
type Entry struct {
	Key   string
	Node  *yaml.Node // the value, aliases followed
	Line  int        // of the key
	KeyAt *yaml.Node
}

// Follow returns the node that n stands for: the target of an alias, else n.
func Follow(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Entries returns the keys and values of a map in their order, merge keys
// (`<<`) expanded; nil if n is no map.
func Entries(n *yaml.Node) []Entry {
	n = Follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	var merged []Entry
	out := make([]Entry, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := Follow(n.Content[i]), Follow(n.Content[i+1])
		if k.Tag == "!!merge" {
			if v.Kind == yaml.SequenceNode {
				for _, e := range v.Content {
					merged = append(merged, Entries(e)...)
				}
			} else {
				merged = append(merged, Entries(v)...)
			}
			continue
		}
		out = append(out, Entry{k.Value, v, k.Line, k})
	}
	for _, m := range merged {
		if _, ok := find(out, m.Key); !ok {
			out = append(out, m)
		}
	}
	return out
}

func find(entries []Entry, key string) (Entry, bool) {
	for _, e := range entries {
		if e.Key == key {
			return e, true
		}
	}
	return Entry{}, false
}

// Get returns the value of key in the map n, or nil.
func Get(n *yaml.Node, key string) *yaml.Node {
	n = Follow(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	merges := false
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := Follow(n.Content[i])
		if k.Tag == "!!merge" {
			merges = true
		} else if k.Value == key {
			return Follow(n.Content[i+1])
		}
	}
	if !merges {
		return nil
	}
	e, _ := find(Entries(n), key)
	return e.Node
}

// At returns the node at a JSON pointer, or nil.
func (d *Document) At(pointer string) *yaml.Node {
	n, exact := d.Nearest(pointer)
	if !exact {
		return nil
	}
	return n
}

// Nearest follows a JSON pointer as far as it goes. It reports whether it came
// to the end.
func (d *Document) Nearest(pointer string) (*yaml.Node, bool) {
	tokens, err := value.SplitPointer(pointer)
	n := Follow(d.Root)
	if err != nil {
		return n, false
	}
	for _, t := range tokens {
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			next = Get(n, t)
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(t); err == nil && i >= 0 && i < len(n.Content) {
				next = Follow(n.Content[i])
			}
		}
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// Line returns the line of the value at a JSON pointer, or of its nearest
// parent that exists.
func (d *Document) Line(pointer string) int {
	n, _ := d.Nearest(pointer)
	return n.Line
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// Value returns the node as a value: maps as value.Object, numbers as
// json.Number, everything that is not a JSON scalar (dates, `yes`) as the text
// that was written.
func Value(n *yaml.Node) any {
	n = Follow(n)
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		entries := Entries(n)
		o := make(value.Object, len(entries))
		for i, e := range entries {
			o[i] = value.Member{Name: e.Key, Value: Value(e.Node)}
		}
		return o
	case yaml.SequenceNode:
		s := make([]any, len(n.Content))
		for i, e := range n.Content {
			s[i] = Value(e)
		}
		return s
	}
	return scalar(n)
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			return json.Number(n.Value)
		}
		var f float64
		if err := n.Decode(&f); err == nil {
			if b, err := json.Marshal(f); err == nil {
				return json.Number(b)
			}
		}
	}
	return n.Value
}

// JSON returns the document as JSON, members in their order.
func (d *Document) JSON() ([]byte, error) {
	var b strings.Builder
	if err := writeJSON(&b, d.Root); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

func writeJSON(b *strings.Builder, n *yaml.Node) error {
	n = Follow(n)
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		for i, e := range Entries(n) {
			if i > 0 {
				b.WriteByte(',')
			}
			k, err := json.Marshal(e.Key)
			if err != nil {
				return err
			}
			b.Write(k)
			b.WriteByte(':')
			if err := writeJSON(b, e.Node); err != nil {
				return err
			}
		}
		b.WriteByte('}')
		return nil
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, e := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, e); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	case yaml.ScalarNode:
		j, err := json.Marshal(scalar(n))
		if err != nil {
			return err
		}
		b.Write(j)
		return nil
	}
	return errors.New("an unknown kind of YAML node")
}
