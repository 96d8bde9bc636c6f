package report

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// legal returns a copy of a result that can be written in every format: text is
// valid UTF-8, numbers are finite, times have four digits for the year, and a
// list is empty rather than null. Servers under test send whatever they like, so
// nothing here is an error.
func legal(r *conformance.Result) *conformance.Result {
	if r == nil {
		r = &conformance.Result{}
	}
	out := &conformance.Result{}
	copyLegal(reflect.ValueOf(out).Elem(), reflect.ValueOf(r).Elem())
	out.Format = 1 // it is what is written here, whatever was read
	if out.Operations == nil {
		out.Operations = []conformance.OperationInfo{}
	}
	if out.Verdicts == nil {
		out.Verdicts = []conformance.Verdict{}
	}
	for i := range out.Verdicts {
		v := &out.Verdicts[i]
		if !slices.Contains(conformance.Statuses(), v.Status) {
			// Never a pass: what is not understood has not been checked.
			v.Why = fmt.Sprintf("The result says %q of it, which is no status. %s", v.Status, v.Why)
			v.Status = conformance.NotTestable
		}
	}
	return out
}

// copyLegal copies src to dst, which have one type, in depth.
func copyLegal(dst, src reflect.Value) {
	switch src.Type() {
	case reflect.TypeFor[time.Time]():
		if x, ok := src.Interface().(time.Time); ok && x.UTC().Year() >= 0 && x.UTC().Year() <= 9999 {
			dst.Set(reflect.ValueOf(x.UTC()))
		}
		return
	case reflect.TypeFor[conformance.Severity]():
		dst.SetInt(min(max(src.Int(), int64(conformance.May)), int64(conformance.Must)))
		return
	}
	switch src.Kind() {
	case reflect.String:
		dst.SetString(strings.ToValidUTF8(src.String(), "\uFFFD"))
	case reflect.Float64:
		if f := src.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) && f > 0 {
			dst.SetFloat(f)
		}
	case reflect.Struct:
		for i := range src.NumField() {
			copyLegal(dst.Field(i), src.Field(i))
		}
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(src.Type().Elem()))
			copyLegal(dst.Elem(), src.Elem())
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				copyLegal(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
			for _, k := range src.MapKeys() {
				key, value := reflect.New(src.Type().Key()).Elem(), reflect.New(src.Type().Elem()).Elem()
				copyLegal(key, k)
				copyLegal(value, src.MapIndex(k))
				dst.SetMapIndex(key, value)
			}
		}
	default:
		dst.Set(src)
	}
}
