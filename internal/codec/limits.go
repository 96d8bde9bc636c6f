package codec

// Limits bounds what a decoder reads. A field that is zero or negative has its
// default, so that the zero value is safe.
type Limits struct {
	// Bytes is the largest body, as received.
	Bytes int64
	// Depth is the deepest nesting of objects and arrays, or of XML elements.
	Depth int
	// Values counts every value of a JSON text (objects and arrays too), every
	// element and attribute of an XML document, and every field of a form.
	Values int
}

// DefaultLimits returns 1 MiB, 64 levels and 20,000 values. A documented
// login answer in XML has 652 bytes, 3 levels and 22 values. The worst that the
// limits let pass (BenchmarkHostile) took 70 ms and 35 MB of allocations on a
// shared machine with two cores.
func DefaultLimits() Limits {
	return Limits{Bytes: 1 << 20, Depth: 64, Values: 20_000}
}

// Limits that no caller needs to change.
const (
	// A validator turns numbers into fractions: 1e999999999 would cost it
	// gigabytes. RFC 8259, section 6, lets a reader limit range and precision;
	// a float64 ends at 1e308.
	maxNumberLength   = 256
	maxNumberExponent = 1000

	// One element's attributes are compared pairwise for duplicates, and each
	// prefix is looked up among the namespaces in scope.
	maxAttributes = 256
	maxNamespaces = 64

	// Headers of one part of a multipart body. Browsers write two.
	maxPartHeaderBytes = 8 << 10

	// A value to be written is the contract's own, and package document reads
	// at most 200 levels; more is a loop.
	maxEncodeDepth = 1000

	maxMediaTypeLength = 1 << 10
)

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.Bytes > 0 {
		d.Bytes = l.Bytes
	}
	if l.Depth > 0 {
		d.Depth = l.Depth
	}
	if l.Values > 0 {
		d.Values = l.Values
	}
	return d
}
