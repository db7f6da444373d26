package main

import (
	"fmt"

	"github.com/klauspost/compress/zstd"

	"returnd/client"
)

// newPacker makes of --compress what packs the documents; nothing for none.
func newPacker(name string) ([]client.Option, error) {
	switch name {
	case "":
		return nil, nil
	case "gzip":
		return []client.Option{client.Gzip()}, nil
	case "zstd":
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("start zstd: %w", err)
		}
		pack := func(body []byte) ([]byte, error) { return encoder.EncodeAll(body, nil), nil }
		return []client.Option{client.Encoding(name, pack)}, nil
	}
	return nil, fmt.Errorf("--compress is %q: use zstd or gzip", name)
}
