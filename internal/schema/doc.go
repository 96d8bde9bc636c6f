// Package schema holds the schemas of an OpenAPI 3.0 or 3.1 document in the two
// forms that the rest of the project needs: compiled, to judge a value
// ([Set.Compile], [Validator.Validate]), and as a tree with the order of the
// document, for codecs to walk ([Set.Node]). [Generate] makes values that fit.
//
// A schema is compiled once a document and direction, because a validator that
// reads the document anew for each request costs a hundred times more than the
// judgement itself. Nothing is compiled before it is asked for.
//
// What it does not do: it decodes no bytes, applies no defaults, and reads
// neither files nor the network: a $ref leads within the document or is an
// error. `discriminator` is ignored; oneOf and anyOf are tried in order.
// `$id` is not followed.
//
// A finding never quotes the value that it is about: it may be a password.
//
// Start reading in set.go; dialect.go is the rewriting of a document's schemas
// to JSON Schema 2020-12, findings.go turns the validator's tree of errors into
// a flat list, source.go is where the tree for codecs is built.
package schema
