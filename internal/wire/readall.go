package wire

import (
	"io"
	"slices"
)

// believed is the largest announced size that room is made for at once.
const believed = 64 << 10

// ReadAll is io.ReadAll with room for what was announced, and for the read that
// finds the end; below 0, nobody said. It is no more room: a journal holds on to it.
func ReadAll(r io.Reader, announced int64) ([]byte, error) {
	if announced < 0 || announced > believed {
		return io.ReadAll(r)
	}
	raw := make([]byte, 0, announced+1)
	for {
		n, err := r.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		if err == io.EOF { // itself, as io.Reader has it: one that is wrapped is a fault
			return raw, nil
		}
		if err != nil {
			return raw, err
		}
		if len(raw) == cap(raw) {
			raw = slices.Grow(raw, 512)
		}
	}
}
