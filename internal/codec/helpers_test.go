package codec

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/internal/document"
	"github.com/mockauth/mockauth/internal/schema"
)

// schemaOf returns a schema of a document in testdata.
func schemaOf(t testing.TB, file, name string) *schema.Node {
	t.Helper()
	n, ok := setOf(t, file).Node("/components/schemas/" + name)
	if !ok {
		t.Fatalf("%s has no schema %s", file, name)
	}
	if n.RefName == "" {
		// As if a media type referred to it.
		c := *n
		c.RefName = name
		n = &c
	}
	return n
}

func setOf(t testing.TB, file string) *schema.Set {
	t.Helper()
	doc, err := document.Parse(file, []byte(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	return schema.New(doc)
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// secret stands in bodies that are refused; no message may repeat it.
const secret = "Tr0ub4dor"

// refused asserts that err is an *Error of this kind and place, whose sentence
// says something of the cause, what would work, and nothing secret.
func refused(t *testing.T, err error, kind Kind, pointer, about string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("not refused: %v", err)
	}
	if e.Kind != kind || e.Pointer != pointer || !strings.Contains(e.Message, about) {
		t.Errorf("refused as %v at %q: %s\nwant %v at %q: ...%s...", e.Kind, e.Pointer, e.Message, kind, pointer, about)
	}
	if !strings.Contains(e.Message, "; ") {
		t.Errorf("the message does not say what would work: %s", e.Message)
	}
	if strings.Contains(e.Message, secret) {
		t.Errorf("the message holds what was sent: %s", e.Message)
	}
}
