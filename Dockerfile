# The worker as an image: one static binary, nothing else. `make image` builds
# the binary into bin/image/ first, so that no registry is needed for this.
FROM scratch
COPY bin/image/worker /worker
# No user of any machine; it owns nothing.
USER 65532:65532
EXPOSE 9464
# An address within the container, for the health check and for Prometheus.
ENV RETURND_HTTP__ADDR=:9464
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/worker", "healthcheck"]
ENTRYPOINT ["/worker"]
CMD ["run"]
