// Package codec turns bytes into values (package value) and back: JSON, XML,
// URL-encoded forms and multipart forms, for the bodies of requests and
// answers, and single texts from a query, a header, a cookie or a path.
//
// One schema serves all of them, so that one JSON pointer addresses the same
// member in every encoding. The package reads the grammar of each encoding
// strictly and bounds time and memory by [Limits], for its input comes from
// anywhere. It does not validate: where a text is no number although the
// schema wants one, the text stays a text, an unknown member is kept, and
// validation then says what was wanted.
//
// It keeps no state between calls; everything may be called concurrently.
//
// Start reading at limits.go and error.go, then the encoding in question:
// json_decode.go stands alone; form.go and multipart.go share the fields of a
// form, and with XML the reading of texts by a schema (text.go). XML is in parts:
// charset.go (bytes to UTF-8), xml_scan.go (the grammar, and what is refused),
// xml_shape.go (what a schema says about names and places), xml_decode.go and
// xml_encode.go.
package codec
