package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"

	"github.com/mockauth/mockauth/conformance"
)

//go:embed results.schema.json
var resultSchema []byte

// ResultSchema returns the JSON Schema (2020-12) of what JSON writes.
func ResultSchema() []byte { return bytes.Clone(resultSchema) }

// JSON writes the whole result, indented, with a newline at the end.
// conformance.Decode reads it.
func JSON(w io.Writer, r *conformance.Result) error { return writeResult(w, legal(r)) }

func writeResult(w io.Writer, r *conformance.Result) error { return writeJSON(w, r) }

func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}
