package schema

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// ofFormat makes a string of a format; false if the format asks for nothing.
// Hosts and addresses are those that RFC 2606, 5737 and 3849 keep for examples.
func ofFormat(rnd *rand.Rand, format string, minLength int) (string, bool) {
	// A moment of the years 2020 to 2029, in whole seconds.
	moment := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rnd.IntN(3650*24*60*60)) * time.Second)
	switch format {
	case "uuid":
		return uuid4(rnd), true
	case "date-time":
		return moment.Format(time.RFC3339), true
	case "date":
		return moment.Format(time.DateOnly), true
	case "email":
		const host = "@example.com"
		return alphanumeric(rnd, min(max(8, minLength-len(host)), 64)) + host, true
	case "uri":
		const root = "https://example.com/"
		return root + alphanumeric(rnd, max(8, minLength-len(root))), true
	case "ipv4":
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(rnd.IntN(256))}).String(), true
	case "ipv6":
		a := [16]byte{0x20, 0x01, 0x0d, 0xb8}
		binary.BigEndian.PutUint64(a[8:], rnd.Uint64())
		return netip.AddrFrom16(a).String(), true
	case "byte":
		b := make([]byte, max(12, (minLength+3)/4*3))
		for i := range b {
			b[i] = byte(rnd.IntN(256))
		}
		return base64.StdEncoding.EncodeToString(b), true
	}
	return "", false
}

// uuid4 follows RFC 9562, section 5.4.
func uuid4(rnd *rand.Rand) string {
	hi := rnd.Uint64()&^0xf000 | 0x4000
	lo := rnd.Uint64()&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", hi>>32, hi>>16&0xffff, hi&0xffff, lo>>48, lo&0xffff_ffff_ffff)
}
