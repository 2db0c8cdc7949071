# The gateway as an image: built with the pinned Node, run as an unprivileged user on a read-only file system.
FROM node:26.10.0-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npx tsc -p tsconfig.build.json && node scripts/bundle.ts && node scripts/assets.ts && npm prune --omit=dev --ignore-scripts

FROM node:26.10.0-trixie-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE ./
COPY --from=build /app/bin bin
COPY --from=build /app/dist dist
COPY --from=build /app/node_modules node_modules
USER node
# inside a container loopback reaches nobody; Host and Origin checks stay on
ENV PORTCULLIS_LISTEN_HOST=0.0.0.0 PORTCULLIS_CONFIG=/etc/portcullis/gateway.yaml
EXPOSE 8080 8081
# the admin endpoint stays on loopback unless PORTCULLIS_ADMIN_HOST says otherwise
HEALTHCHECK --interval=30s --timeout=5s CMD ["node", "-e", "fetch('http://127.0.0.1:8081/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node ignores SIGTERM as process 1 only without a handler; the gateway has one and drains
ENTRYPOINT ["node", "bin/portcullis.js"]
CMD ["start"]
