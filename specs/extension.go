package specs

import (
	"bytes"
	_ "embed"
)

//go:embed x-session.schema.json
var extensionSchema []byte

// ExtensionSchema returns the JSON Schema of x-session, for editors: it checks
// an OpenAPI document's extension members and leaves the rest alone.
func ExtensionSchema() []byte { return bytes.Clone(extensionSchema) }
