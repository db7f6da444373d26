package main

import (
	"bytes"
	"compress/gzip"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// packer packs documents as --compress says.
type packer struct {
	// name is the value of the header Content-Encoding; empty packs nothing.
	name string
	pack func([]byte) ([]byte, error)
}

func newPacker(name string) (packer, error) {
	switch name {
	case "":
		return packer{pack: func(body []byte) ([]byte, error) { return body, nil }}, nil
	case "gzip":
		return packer{name: name, pack: packGzip}, nil
	case "zstd":
		encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return packer{}, fmt.Errorf("start zstd: %w", err)
		}
		return packer{name: name, pack: func(body []byte) ([]byte, error) { return encoder.EncodeAll(body, nil), nil }}, nil
	}
	return packer{}, fmt.Errorf("--compress is %q: use zstd or gzip", name)
}

func packGzip(body []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
