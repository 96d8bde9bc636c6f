package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The formats that stand for a property that must not travel in a direction;
// see rewriter.refusal. No document can use them: they hold a space.
const (
	refusedReadOnly  = "refused readOnly"
	refusedWriteOnly = "refused writeOnly"
)

var errFormat = errors.New("does not fit the format")

// formats are those that are asserted, by name. All others are accepted.
var formats = map[string]func(any) error{
	"date-time":      text(isDateTime),
	"date":           text(isDate),
	"uuid":           text(isUUID),
	"email":          text(isEmail),
	"uri":            text(isURI),
	"ipv4":           text(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }),
	"ipv6":           text(func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() && a.Zone() == "" }),
	"byte":           text(isBase64),
	"int32":          integer(32),
	"int64":          integer(64),
	refusedReadOnly:  func(any) error { return errFormat },
	refusedWriteOnly: func(any) error { return errFormat },
}

// text makes a check of a string; a format says nothing of other types.
func text(ok func(string) bool) func(any) error {
	return func(v any) error {
		if s, isText := v.(string); isText && !ok(s) {
			return errFormat
		}
		return nil
	}
}

// integer makes a check of a number's range. Whether it is whole is for `type`
// to say.
func integer(bits int) func(any) error {
	limit := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	hi := new(big.Rat).SetInt(new(big.Int).Sub(limit, big.NewInt(1)))
	lo := new(big.Rat).SetInt(new(big.Int).Neg(limit))
	return func(v any) error {
		n, ok := v.(json.Number)
		if !ok {
			return nil
		}
		if _, err := strconv.ParseInt(string(n), 10, bits); err == nil {
			return nil
		}
		// 1e3 and 2.0 are integers too.
		r, ok := new(big.Rat).SetString(string(n))
		if !ok || r.Cmp(lo) < 0 || r.Cmp(hi) > 0 {
			return errFormat
		}
		return nil
	}
}

// digits reads s, all of it decimal digits; -1 otherwise.
func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// isDate reports whether s is a full-date of RFC 3339, and of the calendar.
func isDate(s string) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	y, m, d := digits(s[:4]), digits(s[5:7]), digits(s[8:])
	if y < 0 || m < 1 || m > 12 || d < 1 {
		return false
	}
	return d <= time.Date(y, time.Month(m)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// isDateTime reports whether s is a date-time of RFC 3339. The time package
// also takes a comma and hours of one digit, and no leap second.
func isDateTime(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || !isDate(s[:10]) || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return false
	}
	hour, minute, second := digits(s[11:13]), digits(s[14:16]), digits(s[17:19])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return false
	}
	rest := s[19:]
	if rest[0] == '.' {
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 1 {
			return false
		}
		rest = rest[n:]
	}
	offset := 0
	switch {
	case rest == "Z" || rest == "z":
	case len(rest) == 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':':
		h, m := digits(rest[1:3]), digits(rest[4:])
		if h < 0 || h > 23 || m < 0 || m > 59 {
			return false
		}
		offset = h*60 + m
		if rest[0] == '-' {
			offset = -offset
		}
	default:
		return false
	}
	const day = 24 * 60
	utc := (hour*60 + minute - offset + day) % day
	return second < 60 || utc == day-1 // a leap second is the last of a day in UTC
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return false
			}
		} else if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAlphanumeric(c byte) bool {
	return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// isEmail reports whether s is a Mailbox of RFC 5321, section 4.1.2.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if local[0] == '"' || strings.HasPrefix(domain, "[") {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Name == ""
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if !isAlphanumeric(atom[i]) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", atom[i]) < 0 {
				return false
			}
		}
	}
	return isHostname(domain)
}

// isHostname follows RFC 1123, section 2.1.
func isHostname(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlphanumeric(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// isURI reports whether s is a URI of RFC 3986, which is absolute. The url
// package lets spaces, quotes and half escapes pass.
func isURI(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case !isAlphanumeric(c) && strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", c) < 0:
			return false
		}
	}
	u, err := url.Parse(s)
	return err == nil && u.IsAbs()
}

// isBase64 reports whether s is base64 of RFC 4648, section 4, padded.
func isBase64(s string) bool {
	if len(s)%4 != 0 {
		return false
	}
	bare := strings.TrimRight(s, "=")
	if len(s)-len(bare) > 2 {
		return false
	}
	for i := range len(bare) {
		if !isAlphanumeric(bare[i]) && bare[i] != '+' && bare[i] != '/' {
			return false
		}
	}
	return true
}

// wanted says what a format wants, for a message.
func wanted(format string) string {
	switch format {
	case "date-time":
		return "a date and time of RFC 3339, such as 2026-01-31T12:00:00Z"
	case "date":
		return "a date, such as 2026-01-31"
	case "uuid":
		return "a UUID"
	case "email":
		return "an email address"
	case "uri":
		return "an absolute URI"
	case "ipv4":
		return "an IPv4 address"
	case "ipv6":
		return "an IPv6 address"
	case "byte":
		return "base64 with padding"
	case "int32":
		return "an integer of 32 bits"
	case "int64":
		return "an integer of 64 bits"
	}
	return fmt.Sprintf("the format %q", format)
}
