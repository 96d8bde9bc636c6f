package session_test

import (
	"maps"
	"testing"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

// A field may have the same text in several records. When the first of them
// gets another, the next is found.
func TestRecordIsFoundAfterAnotherGaveUpTheSameText(t *testing.T) {
	c, err := specs.Load("../../mockserver/testdata/depot")
	if err != nil {
		t.Fatal(err)
	}
	kind := c.Record("user")
	var records []*session.Record
	for _, d := range kind.Demo {
		records = append(records, session.NewRecord(kind, d.Value, d.Note))
	}
	session.NewMemory(session.NewSeed(c, records)).Update(func(tx session.Tx) {
		first := tx.FindRecord(kind, "tenant", "north")
		if first == nil || first.Key != "1" {
			t.Fatalf("of north, first is %+v", first)
		}
		moved := *first
		moved.Fields = maps.Clone(first.Fields)
		moved.Fields["tenant"] = "south"
		tx.PutRecord(&moved)
		if r := tx.FindRecord(kind, "tenant", "north"); r == nil || r.Key != "2" {
			t.Errorf("of north, then it is %+v", r)
		}
	})
}
