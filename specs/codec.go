package specs

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mockauth/mockauth/internal/value"
)

// Codec turns a value into another and back. Every codec has an inverse: what
// the mock writes, a runner can read.
type Codec struct {
	Name   string
	Encode func(any) (any, error)
	Decode func(any) (any, error)
}

func codecs() map[string]Codec {
	list := []Codec{
		{"base64", textCodec(base64.StdEncoding.EncodeToString), decodeBase64},
		{"base64url", textCodec(base64.RawURLEncoding.EncodeToString), decodeBase64},
		{"unix", func(v any) (any, error) {
			t, err := asTime(v)
			return json.Number(strconv.FormatInt(t.Unix(), 10)), err
		}, func(v any) (any, error) {
			n, err := asInt(v)
			return time.Unix(n, 0).UTC(), err
		}},
		{"unixms", func(v any) (any, error) {
			t, err := asTime(v)
			return json.Number(strconv.FormatInt(t.UnixMilli(), 10)), err
		}, func(v any) (any, error) {
			n, err := asInt(v)
			return time.UnixMilli(n).UTC(), err
		}},
		timeCodec("iso8601", "2006-01-02T15:04:05.000-07:00", time.RFC3339Nano),
		timeCodec("date-time", "2006-01-02T15:04:05Z", time.RFC3339Nano),
		timeCodec("local", "2006-01-02T15:04:05", "2006-01-02T15:04:05"),
		timeCodec("basic-date", "20060102T150405", "20060102T150405"),
		{"seconds", func(v any) (any, error) {
			d, ok := v.(time.Duration)
			if !ok {
				return nil, fmt.Errorf("seconds wants a duration")
			}
			return json.Number(strconv.FormatInt(int64(d/time.Second), 10)), nil
		}, func(v any) (any, error) {
			n, err := asInt(v)
			if n > maxSeconds || n < -maxSeconds {
				return nil, fmt.Errorf("out of range")
			}
			return time.Duration(n) * time.Second, err
		}},
		{"text", func(v any) (any, error) {
			s, ok := value.Text(v)
			if !ok {
				return nil, fmt.Errorf("text wants a number, a boolean or a string")
			}
			return s, nil
		}, func(v any) (any, error) {
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("want text")
			}
			if s == "true" || s == "false" {
				return s == "true", nil
			}
			if _, err := strconv.ParseInt(s, 10, 64); err == nil {
				return json.Number(s), nil
			}
			return s, nil
		}},
		{"json", func(v any) (any, error) {
			b, err := json.Marshal(value.Plain(v))
			return string(b), err
		}, func(v any) (any, error) {
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("want text")
			}
			d := json.NewDecoder(strings.NewReader(s))
			d.UseNumber()
			var out any
			err := d.Decode(&out)
			return out, err
		}},
	}
	m := make(map[string]Codec, len(list))
	for _, c := range list {
		m[c.Name] = c
	}
	return m
}

const maxSeconds = int64(1<<63-1) / int64(time.Second)

func textCodec(encode func([]byte) string) func(any) (any, error) {
	return func(v any) (any, error) {
		s, ok := value.Text(v)
		if !ok {
			return nil, fmt.Errorf("base64 wants text")
		}
		return encode([]byte(s)), nil
	}
}

// decodeBase64 reads either alphabet, padded or not: clients use both, and the
// two cannot be told apart for most texts.
func decodeBase64(v any) (any, error) {
	s, ok := v.(string)
	if !ok || s == "" {
		return nil, fmt.Errorf("want base64 text")
	}
	s = strings.TrimRight(s, "=")
	s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("not base64")
	}
	return string(b), nil
}

func timeCodec(name, write, read string) Codec {
	return Codec{name, func(v any) (any, error) {
		t, err := asTime(v)
		return t.UTC().Format(write), err
	}, func(v any) (any, error) {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("want text")
		}
		t, err := time.Parse(read, s)
		if err != nil {
			return nil, fmt.Errorf("not a time of the form %s", write)
		}
		return t.UTC(), nil
	}}
}

func asTime(v any) (time.Time, error) {
	t, ok := v.(time.Time)
	if !ok {
		return time.Time{}, fmt.Errorf("want a time")
	}
	return t, nil
}

func asInt(v any) (int64, error) {
	switch v := v.(type) {
	case json.Number:
		return v.Int64()
	case int:
		return int64(v), nil
	case int64:
		return v, nil
	case string:
		return strconv.ParseInt(v, 10, 64)
	}
	return 0, fmt.Errorf("want a whole number")
}

// ParseInstant reads v by the first of the named codecs that fits; zone is the
// time zone of forms that have none. It reports false if none fits.
func ParseInstant(v any, names []string, zone *time.Location) (time.Time, bool) {
	s, ok := value.Text(v)
	if !ok {
		return time.Time{}, false
	}
	for _, n := range names {
		switch n {
		case "unix":
			if i, err := strconv.ParseInt(s, 10, 64); err == nil && i >= 0 && i < maxUnix {
				return time.Unix(i, 0).UTC(), true
			}
		case "unixms":
			if i, err := strconv.ParseInt(s, 10, 64); err == nil && i >= 0 && i < maxUnix*1000 {
				return time.UnixMilli(i).UTC(), true
			}
		case "iso8601", "date-time":
			if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
				return t.UTC(), true
			}
		case "local":
			if t, err := time.ParseInLocation("2006-01-02T15:04:05", s, zone); err == nil {
				return t.UTC(), true
			}
		case "basic-date":
			if t, err := time.ParseInLocation("20060102T150405", s, zone); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// maxUnix is the end of the year 9999, the last that RFC 3339 can write.
const maxUnix = 253402300800
