package mockserver
import "testing"
func BenchmarkZZWorld(b *testing.B){ s,err:=New(); if err!=nil{b.Fatal(err)}; b.ReportAllocs(); for b.Loop(){ w,err:=s.NewWorld("",false); if err!=nil{b.Fatal(err)}; for _,sys:=range s.systems{ w.state(sys)}; s.DeleteWorld(w.Name()) } }
