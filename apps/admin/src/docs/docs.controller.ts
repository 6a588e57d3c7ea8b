import { Controller, Req, Res } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Config } from '#libs/config';
import { Build } from '#libs/kernel';
import { Answers, describedRoutes, Handles, openApiDocument, type OpenApiDocument } from '#libs/rbac';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { docsPage } from './docs-page.js';

type Class = abstract new (...args: never[]) => object;

/** Styles of the page's own and nothing from anywhere: there is no script to inject into. */
const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** The routes of this process, for machines and for people. Made once, when first asked for. */
@Controller()
export class DocsController {
  #document: OpenApiDocument | undefined;
  #page: string | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: Config,
    private readonly build: Build,
  ) {}

  /** The way to everything else: a page for browsers, JSON for programs. */
  @Handles('GET /')
  @Answers(
    'Says what this is, and where the documents are',
    z.object({
      name: z.string(),
      status: z.string(),
      docs: z.string(),
      openapi: z.string(),
      routes: z.string(),
      health: z.string(),
    }),
  )
  root(@Req() request: Request, @Res() response: Response): void {
    if (request.accepts(['json', 'html']) === 'html') {
      this.page(response);
      return;
    }
    response.json({
      name: 'Tollgate',
      status: 'ok',
      docs: '/docs',
      openapi: '/openapi.json',
      routes: '/routes',
      health: '/health/readiness',
    });
  }

  @Handles('GET /openapi.json')
  @Answers('The OpenAPI document of every route', z.looseObject({ openapi: z.string() }))
  document(): OpenApiDocument {
    const controllers = [...this.modules.values()].flatMap(({ controllers: held }) =>
      [...held.values()].map(({ metatype }) => metatype as unknown as Class),
    );
    this.#document ??= openApiDocument(describedRoutes(new Set(controllers)), {
      version: this.build.version,
      basePath: this.config.server.rootPath,
    });
    return this.#document;
  }

  @Handles('GET /docs', 'GET /redoc')
  @Answers('The same as a page', null, { mediaType: 'text/html' })
  page(@Res() response: Response): void {
    this.#page ??= docsPage(this.document());
    response.setHeader('content-security-policy', PAGE_POLICY);
    response.type('html').send(this.#page);
  }
}
