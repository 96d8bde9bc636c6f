package config

import (
	"bytes"
	_ "embed"
)

//go:embed target.schema.json
var schemaFile []byte

// Schema returns the JSON Schema of target files, for editors. It knows every
// word; names that a contract gives (settings, kinds, fields) it leaves open.
func Schema() []byte { return bytes.Clone(schemaFile) }
